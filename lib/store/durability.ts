// SPDX-License-Identifier: MIT
import { binding } from '../binding.ts';
import { native } from '../errors.ts';

/**
 * What is on disk, and so survives a power cut, when a call returns. Killed processes lose nothing on any level.
 *
 * `none`: nothing is flushed. After a power cut layers may be damaged; for tests and what can be made again.
 * `layer`: a layer that was made is there, whole; one that was removed is gone. What programs write into a mount is on disk
 * when they say so (fsync), or when the kernel comes to it.
 * `full`: also what was written into a mount, when it has been unmounted.
 */
export type Durability = 'none' | 'layer' | 'full';

/** @throws {TypeError} if it is none of the levels. */
export function checkDurability(level: string): Durability {
  if (level === 'none' || level === 'layer' || level === 'full') return level;
  throw new TypeError(`Expected durability to be 'none', 'layer' or 'full', got '${level}'`);
}

/** Names that were made in or taken from the directory `path` are on disk when this returns, unless nothing is flushed. */
export async function flushNames(durability: Durability, path: string): Promise<void> {
  if (durability !== 'none') await native(binding().fsyncPath(path));
}
