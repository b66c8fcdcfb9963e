// SPDX-License-Identifier: MIT
import type { BigIntStats } from 'node:fs';
import { hasCode } from '../errors.ts';
import type { Union } from '../union.ts';

const CHUNK = 256 * 1024;

/**
 * True if a path that is no directory is the same in two unions: type, attributes, times, and what is in it. Data is
 * read only where everything else is the same.
 */
export async function sameFile(
  before: Union,
  after: Union,
  path: Uint8Array,
  old: BigIntStats,
  now: BigIntStats,
): Promise<boolean> {
  const keys = ['mode', 'uid', 'gid', 'rdev', 'size', 'mtimeNs'] as const;
  if (keys.some((key) => old[key] !== now[key])) return false;
  if (now.isSymbolicLink()) {
    const targets = await Promise.all(
      [before, after].map((union) => union.readlink(path, { encoding: 'buffer' })),
    );
    return equal(targets);
  }
  if (!equal(await Promise.all([before, after].map((union) => attributes(union, path))))) return false;
  return !now.isFile() || sameData(before, after, path);
}

function equal([a, b]: readonly Buffer[]): boolean {
  return a !== undefined && b !== undefined && a.equals(b);
}

/** All extended attributes, in one buffer. */
async function attributes(union: Union, path: Uint8Array): Promise<Buffer> {
  try {
    const all: Buffer[] = [];
    for (const name of (await union.listxattr(path)).sort()) {
      all.push(Buffer.from(`\0${name}\0`), await union.getxattr(path, name));
    }
    return Buffer.concat(all);
  } catch (error) {
    if (hasCode(error, 'ENOTSUP')) return Buffer.alloc(0);
    throw error;
  }
}

async function sameData(before: Union, after: Union, path: Uint8Array): Promise<boolean> {
  await using old = await before.open(path);
  await using now = await after.open(path);
  const buffers = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)] as const;
  for (;;) {
    const [a, b] = await Promise.all([old.read(buffers[0]), now.read(buffers[1])]);
    if (a.bytesRead !== b.bytesRead) return false;
    if (a.bytesRead === 0) return true;
    if (!buffers[0].subarray(0, a.bytesRead).equals(buffers[1].subarray(0, b.bytesRead))) return false;
  }
}
