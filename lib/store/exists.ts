// SPDX-License-Identifier: MIT
import { stat } from 'node:fs/promises';
import { hasCode } from '../errors.ts';

/** Size in bytes of what is there, undefined if nothing is. @throws {SystemError} if that cannot be told. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether there is something; a symlink that leads nowhere counts as nothing. @throws {SystemError} if that cannot be told. */
export async function exists(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined;
}
