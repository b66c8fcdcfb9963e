// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import type { Durability } from './durability.ts';

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
  await native(binding().replaceFile(path, temporary, text, durability !== 'none'), { path });
}
