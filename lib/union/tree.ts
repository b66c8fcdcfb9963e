// SPDX-License-Identifier: MIT
import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { dirname } from 'node:path/posix';
import { hasCode, SystemError } from '../errors.ts';
import type { Union } from '../union.ts';
import { joinPath } from './dirent.ts';

/** A path as native code takes it. */
type Path = string | Uint8Array;

/** mkdir -p. @returns the first directory that was made, if any. */
export async function makeDirectories(
  union: Union,
  path: Path,
  mode: number | string,
): Promise<string | undefined> {
  try {
    await union.mkdir(path, { mode });
    return Buffer.from(path as string).toString();
  } catch (error) {
    if (hasCode(error, 'EEXIST')) {
      if ((await union.stat(path)).isDirectory()) return undefined;
      throw error;
    }
    if (!hasCode(error, 'ENOENT') || parentOf(path).length === path.length) throw error;
  }
  const first = await makeDirectories(union, parentOf(path), mode);
  // As with mkdir -p, somebody else may have been quicker.
  const made = await makeDirectories(union, path, mode);
  return first ?? made;
}

/** As dirname(3), of any bytes. */
function parentOf(path: Path): Path {
  if (typeof path === 'string') return dirname(path);
  // latin1 has a character for each byte, and a slash is a slash in it.
  return Buffer.from(dirname(Buffer.from(path).toString('latin1')), 'latin1');
}

/** rm -r. A symlink is removed, not what it leads to. */
export async function removeTree(union: Union, path: Path, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (!(await union.lstat(path)).isDirectory()) return union.unlink(path);
  for (const entry of await union.readdir(path, { withFileTypes: true, encoding: 'buffer' })) {
    const below = joinPath(path, entry.name);
    if (entry.isDirectory()) await removeTree(union, below, signal);
    else await union.unlink(below);
  }
  return union.rmdir(path);
}

/** Options of `Union.cp()`. */
export interface CopyOptions {
  /** A directory is copied with all below it; without this it is refused. @default false */
  readonly recursive?: boolean | undefined;
  /** Files that are there are replaced. @default true */
  readonly force?: boolean | undefined;
  /** Times and modes are those of the source. @default false */
  readonly preserveTimestamps?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** cp -r inside one union. Symlinks are copied as such. */
export async function copyTree(union: Union, from: Path, to: Path, options: CopyOptions): Promise<void> {
  const { recursive = false, force = true, preserveTimestamps = false, signal } = options;
  signal?.throwIfAborted();
  const stats = await union.lstat(from);
  if (stats.isDirectory()) {
    if (!recursive)
      throw new SystemError({ errno: -21, syscall: 'cp', path: String(from), dest: String(to) });
    await union.mkdir(to, { mode: stats.mode & 0o7777 }).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
    for (const entry of await union.readdir(from, { withFileTypes: true, encoding: 'buffer' })) {
      await copyTree(union, joinPath(from, entry.name), joinPath(to, entry.name), options);
    }
  } else if (stats.isSymbolicLink()) {
    if (force) await union.rm(to, { force: true });
    await union.symlink(await union.readlink(from, { encoding: 'buffer' }), to);
  } else {
    await union.copyFile(from, to, force ? 0 : constants.COPYFILE_EXCL);
  }
  if (preserveTimestamps && !stats.isSymbolicLink())
    await union.utimes(to, stats.atimeMs / 1e3, stats.mtimeMs / 1e3);
}
