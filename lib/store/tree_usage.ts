// SPDX-License-Identifier: MIT
import { binding, type TreeUsage } from '../binding.ts';
import { native } from '../errors.ts';

/**
 * Adds up what lies below `path`; nothing at all if there is no such path, and a plain file counts as one without entries.
 *
 * @throws `signal.reason`, before it begins.
 */
export async function treeUsage(path: string, signal?: AbortSignal): Promise<TreeUsage> {
  signal?.throwIfAborted();
  return native(binding().treeUsage(path), { path });
}
