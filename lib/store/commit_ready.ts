// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import { Union } from '../union.ts';
import type { Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import { layerMount } from './mounted.ts';

/**
 * Makes sure that the directory of a layer tells its whole change and that nobody is changing it.
 *
 * @param verb - What is going to be done, for the message.
 * @throws {AufsError} `ERR_LAYER_MOUNTED`; `ERR_BRANCH_BUSY` if a union mounted elsewhere writes to the layer.
 */
export async function commitReady(layout: Layout, layer: Layer, verb: string): Promise<void> {
  if (layer.readOnly) return;
  if ((await layerMount(layout, layer.id)) !== undefined) {
    throw new AufsError(
      'ERR_LAYER_MOUNTED',
      `cannot ${verb} layer ${layer.id}: it is mounted on ${layer.mountPath}`,
      {
        hint: 'unmount it first, so that nothing changes while it is copied',
        id: layer.id,
        path: layer.mountPath,
      },
    );
  }
  // Hard links of lower files that were copied up under some of their names get all the others.
  if (layer.parents.length === 0) return;
  await using union = await Union.open({ branches: layer.branches() });
  await union.flushHardLinks();
}
