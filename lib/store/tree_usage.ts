// SPDX-License-Identifier: MIT
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { hasCode } from '../errors.ts';

/** What a directory and everything below it takes. */
export interface TreeUsage {
  /** Blocks that it has, directories included, each inode once. Blocks shared by reflinks count for each file. */
  readonly bytesOnDisk: number;
  /** Sum of the sizes of its files, holes included, each inode once, directories not counted (Docker's DiffSize). */
  readonly apparentBytes: number;
  /** Files, directories, links …, the root not counted. */
  readonly entries: number;
}

const NOTHING: TreeUsage = { bytesOnDisk: 0, apparentBytes: 0, entries: 0 };
/** So many calls for the disk at a time. */
const AT_ONCE = 64;

/**
 * Adds up what lies below `path`; other file systems mounted there are left out, and so is what goes away meanwhile.
 * Nothing at all if there is no `path`. A plain file counts as one without entries.
 */
export async function treeUsage(path: string, signal?: AbortSignal): Promise<TreeUsage> {
  const top = await look(Buffer.from(path));
  if (top === undefined) return NOTHING;
  const sum = { bytesOnDisk: 0, apparentBytes: 0, entries: 0 };
  const seen = new Set<string>();
  const add = (found: Stats): void => {
    const many = !found.isDirectory() && found.nlink > 1;
    if (many && seen.has(`${found.ino}`)) return;
    if (many) seen.add(`${found.ino}`);
    sum.bytesOnDisk += found.blocks * 512;
    if (!found.isDirectory()) sum.apparentBytes += found.size;
  };
  add(top);
  const directories: Buffer[] = top.isDirectory() ? [Buffer.from(path)] : [];
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    const names = await list(at);
    for (let i = 0; i < names.length; i += AT_ONCE) {
      signal?.throwIfAborted();
      for (const [child, found] of await lookAll(at, names.slice(i, i + AT_ONCE))) {
        if (found === undefined || found.dev !== top.dev) continue;
        sum.entries++;
        add(found);
        if (found.isDirectory()) directories.push(child);
      }
    }
  }
  return sum;
}

/** Names are bytes: they need not be UTF-8. */
function lookAll(parent: Buffer, names: readonly Dirent<Buffer>[]): Promise<[Buffer, Stats | undefined][]> {
  return Promise.all(
    names.map(async ({ name }): Promise<[Buffer, Stats | undefined]> => {
      const child = Buffer.concat([parent, Buffer.from('/'), name]);
      return [child, await look(child)];
    }),
  );
}

async function look(path: Buffer): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function list(path: Buffer): Promise<Dirent<Buffer>[]> {
  try {
    return await readdir(path, { encoding: 'buffer', withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
