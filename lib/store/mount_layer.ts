// SPDX-License-Identifier: MIT
import { mkdir, stat } from 'node:fs/promises';
import { AufsError, hasCode } from '../errors.ts';
import { removeDeadMount } from '../mount/remove_dead_mounts.ts';
import { type Mount, type MountOptions, mount, writeChainIndex } from '../mount.ts';
import { corrupt } from './chain_file.ts';
import type { Abortable, Layer, LayerContext } from './layer.ts';
import { withLayerLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';
import { layerMount } from './mounted.ts';
import { makeOwnFolders } from './own_folders.ts';
import { childrenOf } from './remove_layer.ts';

/** As for {@link mount}, but for the branches, which are the layer's. */
export interface LayerMountOptions extends Omit<MountOptions, 'branches' | 'nonEmpty' | 'chainIndex'> {
  /** The store keeps an index of the layers below (see {@link MountOptions.chainIndex}). @default true */
  readonly chainIndex?: boolean | undefined;
}

/** Mounts a layer on its `mnt/ID`. */
export async function mountLayer(
  context: LayerContext,
  layer: Layer,
  options: LayerMountOptions,
): Promise<Mount> {
  return withLayerLock(context.layout, layer.id, () => mountLocked(context, layer, options), options.signal);
}

async function mountLocked(context: LayerContext, layer: Layer, options: LayerMountOptions): Promise<Mount> {
  const { layout, mounts } = context;
  await removeDeadMount(layer.mountPath);
  if ((await layerMount(layout, layer.id)) !== undefined) {
    throw new AufsError('ERR_LAYER_MOUNTED', `layer ${layer.id} is mounted on ${layer.mountPath} already`, {
      hint: 'use that mount, or unmount it first',
      id: layer.id,
      path: layer.mountPath,
    });
  }
  const why = await whyReadOnly(context, layer);
  if (why !== undefined && options.readOnly === false) {
    throw new AufsError('ERR_LAYER_READ_ONLY', `cannot mount layer ${layer.id} for writing: ${why}`, {
      hint: 'make a layer on top of it (create) and mount that',
      id: layer.id,
    });
  }
  const readOnly = why !== undefined || options.readOnly === true;
  await mkdir(layer.mountPath, { recursive: true, mode: 0o755 });
  const { volatile = layout.durability === 'none', syncOnUnmount = layout.durability === 'full' } = options;
  const chainIndex = options.chainIndex === false ? undefined : indexOfChain(layout, layer, readOnly);
  const how = { ...options, volatile, syncOnUnmount, readOnly, chainIndex };
  const mounted = await mount(layer.mountPath, { ...how, branches: layer.branches(readOnly) }).catch(
    async (error: unknown) => {
      if (hasCode(error, 'ERR_BRANCH_NOT_FOUND')) await checkDiffs(context, layer);
      throw error;
    },
  );
  mounts.set(layer.id, mounted);
  mounted.once('lost', () => mounts.delete(layer.id));
  return mounted;
}

/** Of the layers that are only read: all, or those below this one; undefined where there are none. */
function indexOfChain(layout: Layout, layer: Layer, readOnly: boolean): string | undefined {
  const top = readOnly ? layer.id : layer.parent;
  return top === undefined ? undefined : layout.chainIndex(top);
}

/** Makes the index of the layer and all that it stands on; see {@link writeChainIndex}. */
export async function indexLayer(
  { layout }: LayerContext,
  layer: Layer,
  { signal }: Abortable,
): Promise<void> {
  await makeOwnFolders(layout);
  await writeChainIndex(layout.chainIndex(layer.id), { branches: layer.branches(true), signal });
}

async function whyReadOnly(context: LayerContext, layer: Layer): Promise<string | undefined> {
  if (layer.readOnly) return 'it is a committed, read-only layer';
  const children = await childrenOf(context.layout, layer.id);
  return children.length > 0 ? `${children.length} layers stand on it` : undefined;
}

/** @throws {AufsError} `ERR_CORRUPT_LAYER` if the directory of the layer or of one that it stands on is missing. */
async function checkDiffs({ layout }: LayerContext, layer: Layer): Promise<void> {
  for (const id of [layer.id, ...layer.parents]) {
    try {
      await stat(layout.diff(id));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      throw corrupt(layout, layer.id, `the directory ${layout.diff(id)} is missing`);
    }
  }
}
