// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';

/**
 * Whether files can be given to other users: as root where there are others. In a user namespace of one user (`unshare -r`)
 * root is alone.
 */
export async function mayChown(): Promise<boolean> {
  if (process.geteuid?.() !== 0) return false;
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  return !/^\s*\d+\s+\d+\s+1\s*$/.test(map);
}
