// SPDX-License-Identifier: MIT
import { chmod, mkdir } from 'node:fs/promises';
import type { Layout } from './layout.ts';

/** Makes `.node-aufs/` and its folders where they are not there. */
export async function makeOwnFolders(layout: Layout): Promise<void> {
  for (const folder of [layout.own, layout.staging, layout.locks, layout.metadata, layout.indexes]) {
    await makeDirectory(folder, 0o700);
  }
}

/**
 * Makes the directory, parents included, unless it is there. mkdir(2)'s mode less the umask is not what we
 * want.
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  if ((await mkdir(path, { recursive: true, mode })) === undefined) return;
  await chmod(path, mode);
}
