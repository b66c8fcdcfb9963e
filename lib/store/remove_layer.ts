// SPDX-License-Identifier: MIT
import { mkdir, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import { describeHolders, findHolders, type Holder } from '../mount/holders.ts';
import { unmount } from '../mount/unmount.ts';
import { flushNames } from './durability.ts';
import { Holders } from './holders.ts';
import type { Abortable } from './layer.ts';
import { isLayerId } from './layer_id.ts';
import { withLayerLock } from './layer_lock.ts';
import { busyBranch, layerUsers, usersElsewhere, withAccess } from './layer_users.ts';
import { type Layout, REMOVING } from './layout.ts';
import { layerMount } from './mounted.ts';
import { removeUnlessBusy } from './removed_data.ts';

export interface RemoveOptions extends Abortable {
  /**
   * Unmounts it first, lazily if it is in use, and removes it whatever union has it as a branch; its data is then freed when the
   * last user is gone.
   * @default false
   */
  readonly force?: boolean | undefined;
}

/** What became of a layer that is none any more. */
export interface RemovedLayer {
  readonly id: string;
  /**
   * Its data is still there, for somebody is busy with it; it goes by itself when a store is opened, on `gc`, or with the
   * graph driver's `put`, once they are done.
   */
  readonly deferred: boolean;
  /** Who kept the mount busy, and unions elsewhere that have the layer as a branch, as far as this user may see. */
  readonly holders: readonly Holder[];
}

/** How long to wait for who has just closed the last file, in milliseconds; finding out who it is takes longer. */
const PATIENCE = 100;

/**
 * Removes a layer in Docker's order: `layers/ID` first, so that it is no layer any more; then `diff/ID` gets
 * the name `ID-removing` and is deleted; then the same for `mnt/ID`. An interrupted removal is finished by
 * the next open. What a busy mountpoint keeps from being deleted stays as `ID-removing` until then.
 */
export async function removeLayer(
  layout: Layout,
  id: string,
  { force = false, signal }: RemoveOptions = {},
): Promise<RemovedLayer> {
  const removed = await withLayerLock(layout, id, () => removeLocked(layout, id, force), signal);
  // Its lock comes before the layer's; what an interruption leaves, the next open forgets.
  await new Holders(layout).forget(id);
  return removed;
}

async function removeLocked(layout: Layout, id: string, force: boolean): Promise<RemovedLayer> {
  const mounted = (await layerMount(layout, id)) !== undefined;
  if (mounted && !force) throw await stillMounted(layout, id);
  await refuseChildren(layout, id);
  const diff = layout.diff(id);
  const before = mounted ? await takeAway(layout.mountpoint(id)) : [];
  const users = await withAccess(diff, () => layerUsers(layout, diff, id));
  const busy = users.locked || users.servers.length > 0;
  const elsewhere = await usersElsewhere(layout, id, users);
  const refused = elsewhere.length > 0 || (users.locked && users.servers.length === 0);
  if (refused && !force) throw busyBranch(layout, id, 'remove', elsewhere);
  // From here on `staging/ID` says that what bears this id is on its way out.
  await mkdir(layout.stage(id), { recursive: true });
  // Btrfs can forget it in a power cut although it keeps what is done next; the layer would seem to have lost its list.
  await flushNames(layout.durability, layout.staging);
  await rm(layout.chain(id), { force: true });
  await flushNames(layout.durability, layout.chains);
  const freed = (await discard(diff, !busy)) && !busy;
  const unused = await discard(layout.mountpoint(id), true);
  await rm(layout.recordFile(id), { force: true });
  await rm(layout.metadataFile(id), { force: true });
  await rm(layout.chainIndex(id), { force: true });
  await native(binding().removeTree(layout.stage(id)));
  return { id, deferred: !(freed && unused), holders: [...before, ...elsewhere] };
}

/** Ids of all layers whose chain names `id`. A damaged chain file counts as far as it can be read. */
export async function childrenOf(layout: Layout, id: string): Promise<string[]> {
  const names = await native(binding().findChildren(layout.chains, id), { path: layout.chains });
  return names.filter((name) => isLayerId(name) && name !== id).sort();
}

async function refuseChildren(layout: Layout, id: string): Promise<void> {
  const children = await childrenOf(layout, id);
  if (children.length === 0) return;
  throw new AufsError(
    'ERR_LAYER_HAS_CHILDREN',
    `cannot remove layer ${id}: ${children.join(', ')} stand on it`,
    {
      hint: 'remove those first',
      id,
      children,
    },
  );
}

async function stillMounted(layout: Layout, id: string): Promise<AufsError> {
  const path = layout.mountpoint(id);
  const holders = await findHolders(path);
  const who = holders.length === 0 ? '' : `, in use by ${describeHolders(holders)}`;
  return new AufsError('ERR_LAYER_MOUNTED', `cannot remove layer ${id}: it is mounted on ${path}${who}`, {
    hint: 'unmount it first, or remove it all the same (force: true, --force)',
    id,
    path,
    holders,
  });
}

/** Unmounts, at the worst lazily. @returns who was in the way then. */
async function takeAway(path: string): Promise<readonly Holder[]> {
  let holders: readonly Holder[] = [];
  for (const lazy of [false, false, true]) {
    try {
      await unmount(path, { lazy });
      return lazy ? holders : [];
    } catch (error) {
      if (hasCode(error, 'ERR_NOT_MOUNTED')) return holders;
      if (!(error instanceof AufsError && error.code === 'ERR_MOUNT_BUSY')) throw error;
      holders = error.details['holders'] as readonly Holder[];
      await sleep(PATIENCE);
    }
  }
  return holders;
}

/** Gives `path` its name for what is on its way out, and deletes it if that is wanted. @returns false if it stays. */
async function discard(path: string, wanted: boolean): Promise<boolean> {
  if (!(await removeUnlessBusy(path + REMOVING))) return false;
  try {
    await rename(path, path + REMOVING);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    if (!hasCode(error, 'EBUSY')) throw error;
    return false;
  }
  return wanted ? removeUnlessBusy(path + REMOVING) : true;
}
