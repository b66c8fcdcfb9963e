// SPDX-License-Identifier: MIT
import { chmod, lstat, rename } from 'node:fs/promises';
import { hasCode } from '../errors.ts';

/**
 * rename(2) of a directory to another folder. For that the kernel wants the right to write to the directory itself (its `..`
 * changes); an owner who has it not (a layer's root of mode 0555) has it for that moment.
 */
export async function moveDirectory(from: string, to: string): Promise<void> {
  try {
    return await rename(from, to);
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw error;
    const { mode } = await lstat(from);
    if ((mode & 0o700) === 0o700) throw error;
    await chmod(from, (mode & 0o7777) | 0o700);
    try {
      await rename(from, to);
    } catch (cause) {
      await chmod(from, mode & 0o7777);
      throw cause;
    }
    await chmod(to, mode & 0o7777);
  }
}
