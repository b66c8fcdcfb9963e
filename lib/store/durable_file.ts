// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { binding } from '../binding.ts';
import { native } from '../errors.ts';

/**
 * Writes a file so that after a crash it is there whole or not at all, and on disk when this returns:
 * temporary file -> fsync -> rename -> fsync of the directory. The temporary name begins with a dot, which no
 * layer id does, so readers of `layers/` never take it for one.
 */
export async function writeDurably(path: string, text: string, mode = 0o644): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await native(binding().fsyncPath(dirname(path)));
}
