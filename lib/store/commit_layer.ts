// SPDX-License-Identifier: MIT
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import { commitReady } from './commit_ready.ts';
import type { CommitOptions, Layer } from './layer.ts';
import { checkLayerId, newLayerId } from './layer_id.ts';
import { withLayerLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';
import { publishLayer } from './publish_layer.ts';

/** Copies the changes of `layer` into a new read-only layer on the same parent and gives its id. */
export async function commitLayer(layout: Layout, layer: Layer, options: CommitOptions): Promise<string> {
  const { labels = layer.labels, signal } = options;
  const id = checkLayerId(options.id ?? newLayerId());
  const copy = async (): Promise<void> => {
    await commitReady(layout, layer, 'commit');
    const fill = async (diff: string): Promise<undefined> => {
      await native(binding().copyTree(layer.diffPath, diff, true));
    };
    await publishLayer(layout, { id, parent: layer.parent, readOnly: true, labels, fill, signal });
  };
  await withLayerLock(layout, layer.id, copy, signal);
  return id;
}
