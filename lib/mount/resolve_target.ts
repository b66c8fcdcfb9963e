// SPDX-License-Identifier: MIT
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * The absolute form of a path as /proc/self/mountinfo writes it: all symlinks resolved except that the last
 * component is never touched, because a dead FUSE mount answers ENOTCONN and a live one may belong to
 * somebody else (EACCES).
 */
export async function resolveTarget(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    if (parent === absolute) return absolute;
    return join(await resolveTarget(parent), basename(absolute));
  }
}

/** True if `inner` is `outer` or lies below it. Both absolute and resolved. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
}
