// SPDX-License-Identifier: MIT
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { hasCode, native } from '../errors.ts';
import { isLayerId } from './layer_id.ts';
import { tryLayerLock } from './layer_lock.ts';
import { isInUse, withAccess } from './layer_users.ts';
import { type Layout, REMOVING } from './layout.ts';

/**
 * Deletes `diff/ID-removing` and `mnt/ID-removing`, what is left of layers that were removed, unless somebody is
 * still busy with it: then it stays until this is called again. So does what the system does not let go.
 */
export async function freeRemoved(layout: Layout): Promise<void> {
  for (const folder of [layout.diffs, layout.mountpoints]) {
    for (const name of await readdir(folder)) {
      const id = name.slice(0, -REMOVING.length);
      if (!name.endsWith(REMOVING) || !isLayerId(id)) continue;
      const path = join(folder, name);
      const free = async (): Promise<void> => {
        if (!(await withAccess(path, () => isInUse(layout, path, id)))) await removeUnlessBusy(path);
      };
      await unlessRefused(() => tryLayerLock(layout, id, free));
    }
  }
}

/** A mountpoint can be held busy by another mount namespace. @returns whether it is gone. */
export async function removeUnlessBusy(path: string): Promise<boolean> {
  try {
    await native(binding().removeTree(path));
    return true;
  } catch (error) {
    if (!hasCode(error, 'EBUSY')) throw error;
    return false;
  }
}

/**
 * Runs `work`, which takes care of something that an interruption left; what the system refuses then stays as it is, and
 * {@link Store.check} tells of it. Nobody else's leftover keeps a store from being used.
 */
export async function unlessRefused(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
  }
}
