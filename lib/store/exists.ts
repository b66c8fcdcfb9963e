// SPDX-License-Identifier: MIT
import { stat } from 'node:fs/promises';
import { hasCode } from '../errors.ts';

/** Whether there is something; a symlink that leads nowhere counts as nothing. @throws {SystemError} if that cannot be told. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
