// SPDX-License-Identifier: MIT
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import { removeDeadMountsBelow } from '../mount/remove_dead_mounts.ts';
import { exists } from './exists.ts';
import { Holders, holdersLock } from './holders.ts';
import { isLayerId } from './layer_id.ts';
import { namedLock, tryLayerLock, tryStoreLock } from './layer_lock.ts';
import { isInUse, withAccess } from './layer_users.ts';
import type { Layout } from './layout.ts';
import { layerMount } from './mounted.ts';
import { dropHalfMade } from './publish_layer.ts';
import { childrenOf } from './remove_layer.ts';
import { freeRemoved, unlessRefused } from './removed_data.ts';

/**
 * Finishes what a crash interrupted, without touching what a living process is busy with: layers that were
 * being made or removed, Docker's `-removing` directories, temporary files, locks and users of layers gone, mounts whose server was killed. Directories
 * in `diff/` that no layer explains are left alone: they may be somebody's data. What the system refuses to let go stays, and is
 * in nobody's way.
 */
export async function sweep(layout: Layout): Promise<void> {
  await removeDeadMountsBelow(layout.mountpoints);
  for (const id of (await readdir(layout.staging)).filter(isLayerId)) {
    const finish = async (): Promise<void> => {
      if (await exists(layout.chain(id))) await native(binding().removeTree(layout.stage(id)));
      else if (!(await isUsed(layout, id))) await dropHalfMade(layout, id);
    };
    await unlessRefused(() => tryLayerLock(layout, id, finish));
  }
  await freeRemoved(layout);
  await sweepTemporaries(layout, layout.chains);
  await sweepTemporaries(layout, layout.metadata);
  await sweepHolders(layout);
  await unlessRefused(() => tryStoreLock(layout, () => sweepLocks(layout)));
}

/**
 * Others stand on it, or it is mounted, be it elsewhere or out of sight: whatever it looks like, it was a layer.
 * {@link Store.check} tells of it.
 */
async function isUsed(layout: Layout, id: string): Promise<boolean> {
  if ((await layerMount(layout, id)) !== undefined) return true;
  const diff = layout.diff(id);
  if (await withAccess(diff, () => isInUse(layout, diff, id))) return true;
  return (await childrenOf(layout, id)).length > 0;
}

/** Names that writeDurably() gives: `.ID.12 digits`, for metadata `.ID.json.12 digits`. */
async function sweepTemporaries(
  layout: Layout,
  folder: string,
  lockOf = (id: string): string => id,
): Promise<void> {
  for (const name of await readdir(folder)) {
    const id = /^\.([0-9a-f]{64}(?:-init)?)(?:\.json)?\.[0-9a-f]{12}$/.exec(name)?.[1];
    if (id === undefined) continue;
    const remove = () => rm(join(folder, name), { force: true });
    await unlessRefused(() => tryLayerLock(layout, lockOf(id), remove));
  }
}

async function sweepHolders(layout: Layout): Promise<void> {
  if (!(await exists(layout.holders))) return;
  const holders = new Holders(layout);
  for (const id of await holders.ids()) {
    if (!(await exists(layout.chain(id)))) await unlessRefused(() => holders.forget(id));
  }
  await sweepTemporaries(layout, layout.holders, (id) => namedLock(holdersLock(id)));
}

async function sweepLocks(layout: Layout): Promise<void> {
  for (const id of (await readdir(layout.locks)).filter(isLayerId)) {
    if (!(await exists(layout.chain(id)))) await rm(layout.lock(id), { force: true });
  }
}
