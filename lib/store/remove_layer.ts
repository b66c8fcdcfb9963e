// SPDX-License-Identifier: MIT
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import { parseChain } from './chain_file.ts';
import { flushNames } from './durability.ts';
import { isLayerId } from './layer_id.ts';
import { withLayerLock } from './layer_lock.ts';
import { type Layout, REMOVING } from './layout.ts';
import { layerMount } from './mounted.ts';

/**
 * Removes a layer in Docker's order: `layers/ID` first, so that it is no layer any more; then `diff/ID` gets
 * the name `ID-removing` and is deleted; then the same for `mnt/ID`. An interrupted removal is finished by
 * the next open.
 */
export async function removeLayer(layout: Layout, id: string, signal?: AbortSignal): Promise<void> {
  await withLayerLock(layout, id, () => removeLocked(layout, id), signal);
}

async function removeLocked(layout: Layout, id: string): Promise<void> {
  if ((await layerMount(layout, id)) !== undefined) {
    throw new AufsError(
      'ERR_LAYER_MOUNTED',
      `cannot remove layer ${id}: it is mounted on ${layout.mountpoint(id)}`,
      {
        hint: 'unmount it first',
        id,
        path: layout.mountpoint(id),
      },
    );
  }
  const children = await childrenOf(layout, id);
  if (children.length > 0) {
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
  await refuseBusyBranch(layout, id);
  // From here on `staging/ID` says that what bears this id is on its way out.
  await mkdir(layout.stage(id), { recursive: true });
  // Btrfs can forget it in a power cut although it keeps what is done next; the layer would seem to have lost its list.
  await flushNames(layout.durability, layout.staging);
  await rm(layout.chain(id), { force: true });
  await flushNames(layout.durability, layout.chains);
  for (const path of [layout.diff(id), layout.mountpoint(id)]) {
    await moveAside(path);
    await native(binding().removeTree(path + REMOVING));
  }
  await rm(layout.recordFile(id), { force: true });
  await rm(layout.metadataFile(id), { force: true });
  await native(binding().removeTree(layout.stage(id)));
}

/** Ids of all layers whose chain names `id`. A damaged chain file counts as far as it can be read. */
export async function childrenOf(layout: Layout, id: string): Promise<string[]> {
  const children: string[] = [];
  for (const name of (await readdir(layout.chains)).filter(isLayerId)) {
    if (name === id) continue;
    const text = await readFile(layout.chain(name), 'utf8').catch(() => '');
    if (parseChain(text).includes(id)) children.push(name);
  }
  return children.sort();
}

/** A union mounted elsewhere (`-o br=…`) holds a lock on its writable branch. */
async function refuseBusyBranch(layout: Layout, id: string): Promise<void> {
  let lock: Awaited<ReturnType<ReturnType<typeof binding>['flock']>>;
  try {
    lock = await native(binding().flock(layout.diff(id), true));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if (lock === null) {
    throw new AufsError(
      'ERR_BRANCH_BUSY',
      `cannot remove layer ${id}: a union writes to ${layout.diff(id)}`,
      {
        hint: 'unmount or close that union first',
        id,
        path: layout.diff(id),
      },
    );
  }
  binding().unlock(lock);
}

async function moveAside(path: string): Promise<void> {
  try {
    await native(binding().removeTree(path + REMOVING));
    await rename(path, path + REMOVING);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
