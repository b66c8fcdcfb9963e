// SPDX-License-Identifier: MIT
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { hasCode, native } from '../errors.ts';
import { listServers } from '../mount/running_servers.ts';
import { isLayerId } from './layer_id.ts';
import { tryLayerLock } from './layer_lock.ts';
import { type Layout, REMOVING } from './layout.ts';

/**
 * Deletes `diff/ID-removing` and `mnt/ID-removing`, what is left of layers that were removed, unless somebody is
 * still busy with it: then it stays until this is called again.
 */
export async function freeRemoved(layout: Layout): Promise<void> {
  for (const folder of [layout.diffs, layout.mountpoints]) {
    for (const name of await readdir(folder)) {
      const id = name.slice(0, -REMOVING.length);
      if (!name.endsWith(REMOVING) || !isLayerId(id)) continue;
      const path = join(folder, name);
      await tryLayerLock(layout, id, async () => {
        if (!(await isInUse(layout, path, id))) await removeUnlessBusy(path);
      });
    }
  }
}

/** True while a union has the layer's directory, which is `path` now: a mount that is out of sight goes on. */
export async function isInUse(layout: Layout, path: string, id: string): Promise<boolean> {
  if (await isLockedBranch(path)) return true;
  return (await listServers()).some(({ args }) => args.some((word) => word.includes(layout.diff(id))));
}

/** True while a union writes to the directory; false if there is none. */
export async function isLockedBranch(path: string): Promise<boolean> {
  try {
    const lock = await native(binding().flock(path, true));
    if (lock !== null) binding().unlock(lock);
    return lock === null;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
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
