// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Durability, flushNames } from './durability.ts';

/**
 * Writes a file so that after a crash it is there whole or not at all, and on disk when this returns:
 * temporary file -> fsync -> rename -> fsync of the directory. The temporary name begins with a dot, which no
 * layer id does, so readers of `layers/` never take it for one. With durability `none` nothing is flushed, and that
 * holds after the end of a process only.
 */
export async function writeDurably(
  path: string,
  text: string,
  durability: Durability = 'layer',
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(text);
      if (durability !== 'none') await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flushNames(durability, dirname(path));
}
