// SPDX-License-Identifier: MIT
import { binding } from '../binding.ts';
import { native, SystemError } from '../errors.ts';

/**
 * Everything that was written to these branches is on disk when this returns. Where it cannot be told which they are (undefined), or one
 * cannot be opened any more, everything that the machine has is.
 *
 * @throws {SystemError} if the disk does not take it.
 */
export async function flushBranches(paths: Iterable<string> | undefined): Promise<void> {
  if (paths === undefined) return native(binding().syncAll());
  try {
    for (const path of paths) await native(binding().syncfs(path));
  } catch (error) {
    if (!(error instanceof SystemError && error.via === 'openat')) throw error;
    await native(binding().syncAll());
  }
}
