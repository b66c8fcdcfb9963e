// SPDX-License-Identifier: MIT
// A union in the scenarios' own terms; what tree.py does for a mount.
import { createHash } from 'node:crypto';
import { SystemError } from '../../lib/errors.ts';
import type { BigIntStats, Dirent, Union } from '../../lib/union.ts';
import { type Entry, type Json, toBytes, toText } from './recording.ts';

const SETUP_END = 1_700_000_000;
const WHOLE_CONTENT = 128;

/** Attributes; `shownAt` (milliseconds) divides what happened at set-up from what happened after it. */
export function describe(stats: BigIntStats, shownAt: number): { readonly [key: string]: Json } {
  const seconds = Number(stats.mtimeNs / 1_000_000_000n);
  const fraction = Number(stats.mtimeNs % 1_000_000_000n) / 1e9;
  return {
    type: typeOf(stats),
    mode: (Number(stats.mode) & 0o7777).toString(8).padStart(4, '0'),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    nlink: Number(stats.nlink),
    mtime: seconds < SETUP_END ? seconds + fraction : Number(stats.mtimeMs) < shownAt ? 'setup' : 'now',
    ino: String(stats.ino),
  };
}

type Typed = Pick<
  BigIntStats | Dirent,
  'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isCharacterDevice'
>;

function typeOf(typed: Typed): 'file' | 'dir' | 'symlink' | 'fifo' | 'sock' | 'chr' | 'blk' {
  if (typed.isFile()) return 'file';
  if (typed.isDirectory()) return 'dir';
  if (typed.isSymbolicLink()) return 'symlink';
  if (typed.isFIFO()) return 'fifo';
  if (typed.isSocket()) return 'sock';
  return typed.isCharacterDevice() ? 'chr' : 'blk';
}

const D_TYPES = {
  file: 'REG',
  dir: 'DIR',
  symlink: 'LNK',
  fifo: 'FIFO',
  sock: 'SOCK',
  chr: 'CHR',
  blk: 'BLK',
};

/** As getdents gives them, with `.` and `..`, which node:fs leaves out. */
export async function directoryEntries(union: Union, path: Buffer, ino: boolean): Promise<Json> {
  const entries = await union.readdir(path, { withFileTypes: true, encoding: 'buffer' });
  const listed = entries.map((entry) => ({
    name: toText(entry.name),
    d_type: D_TYPES[typeOf(entry as unknown as Dirent)],
    // There is no d_ino in the API that could differ.
    ...(ino ? { d_ino_eq_st_ino: true } : {}),
  }));
  return [{ name: '.', d_type: 'DIR' }, { name: '..', d_type: 'DIR' }, ...listed];
}

export async function readTree(union: Union, shownAt: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  const visit = async (path: Buffer): Promise<void> => {
    const shown = { path: toText(path) };
    try {
      const stats = await union.lstat(path, { bigint: true });
      const below = stats.isDirectory() ? await union.readdir(path, { encoding: 'buffer' }) : [];
      entries.push({ ...shown, ...describe(stats, shownAt), ...(await inside(union, path, stats)) });
      for (const name of below) {
        await visit(shown.path === '.' ? name : Buffer.concat([path, Buffer.from('/'), name]));
      }
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      entries.push({ ...shown, err: error.code });
    }
  };
  await visit(toBytes('.'));
  return entries;
}

async function inside(
  union: Union,
  path: Buffer,
  stats: BigIntStats,
): Promise<{ readonly [key: string]: Json }> {
  // Attributes of a symlink cannot be asked for in this API.
  if (stats.isSymbolicLink()) return { target: toText(await union.readlink(path, { encoding: 'buffer' })) };
  const names = await union.listxattr(path);
  const xattrs: Record<string, Json> = {};
  for (const name of names) xattrs[name] = toText(await union.getxattr(path, name));
  const found = names.length === 0 ? {} : { xattrs };
  if (!stats.isFile()) return found;
  const bytes = await union.readFile(path);
  const digest = createHash('sha256').update(bytes).digest('hex');
  return {
    ...found,
    content: bytes.length <= WHOLE_CONTENT ? toText(bytes) : `sha256:${digest}:${bytes.length}`,
  };
}
