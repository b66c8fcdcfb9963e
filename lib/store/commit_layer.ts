// SPDX-License-Identifier: MIT
import { binding } from '../binding.ts';
import { AufsError, native } from '../errors.ts';
import { Union } from '../union.ts';
import type { CommitOptions, Layer } from './layer.ts';
import { checkLayerId, newLayerId } from './layer_id.ts';
import { withLayerLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';
import { layerMount } from './mounted.ts';
import { publishLayer } from './publish_layer.ts';

/** Copies the changes of `layer` into a new read-only layer on the same parent and gives its id. */
export async function commitLayer(layout: Layout, layer: Layer, options: CommitOptions): Promise<string> {
  const { labels = layer.labels, signal } = options;
  const id = checkLayerId(options.id ?? newLayerId());
  const copy = async (): Promise<void> => {
    if ((await layerMount(layout, layer.id)) !== undefined) {
      throw new AufsError(
        'ERR_LAYER_MOUNTED',
        `cannot commit layer ${layer.id}: it is mounted on ${layer.mountPath}`,
        {
          hint: 'unmount it first, so that nothing changes while it is copied',
          id: layer.id,
          path: layer.mountPath,
        },
      );
    }
    await flushHardLinks(layer);
    const fill = async (diff: string): Promise<void> => {
      await native(binding().copyTree(layer.diffPath, diff, true));
    };
    await publishLayer(layout, { id, parent: layer.parent, readOnly: true, labels, fill, signal });
  };
  await withLayerLock(layout, layer.id, copy, signal);
  return id;
}

/**
 * Gives hard links of lower files that were copied up under some of their names all the others, so that the
 * layer alone tells the whole change. Fails with ERR_BRANCH_BUSY if a union mounted elsewhere writes to the
 * layer.
 */
async function flushHardLinks(layer: Layer): Promise<void> {
  if (layer.readOnly) return;
  await using union = await Union.open({ branches: layer.branches() });
  await union.flushHardLinks();
}
