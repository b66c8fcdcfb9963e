// SPDX-License-Identifier: MIT
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, native } from '../errors.ts';
import { listServers } from '../mount/running_servers.ts';
import type { ChainId } from '../store/content_id.ts';
import { newLayerId } from '../store/layer_id.ts';
import type { Store } from '../store/store.ts';
import { type DockerContents, readContents } from './docker_contents.ts';
import type { DockerContext } from './docker_context.ts';
import type { DockerFindingKind } from './docker_finding.ts';
import type { DockerLayer } from './docker_layer.ts';
import { type DockerLayout, digitsOf } from './docker_layout.ts';
import { dropDriverLayer } from './register_layer.ts';

/** A layer that was removed. */
export interface ReleasedLayer {
  readonly chainId: ChainId;
  readonly size: number;
}

/** Damage that hides what is referenced. */
const HIDING: readonly DockerFindingKind[] = [
  'layer-damaged',
  'chain-id-mismatch',
  'chain-cycle',
  'container-damaged',
  'image-damaged',
  'repositories-damaged',
];

/**
 * Removes the layer and then, one by one, those below it, up to the first that something holds: a layer on it, a container, an image, a
 * mount, or `held`. The caller holds the lock of the database.
 *
 * @throws {AufsError} `ERR_CORRUPT_LAYER` if damage of the store hides what is referenced; nothing was removed then.
 */
export async function releaseLayers(
  context: DockerContext,
  driver: Store,
  id: ChainId,
  held: ReadonlyMap<ChainId, number>,
): Promise<ReleasedLayer[]> {
  const released: ReleasedLayer[] = [];
  for (let next: ChainId | undefined = id; next !== undefined; ) {
    const contents = await readContents(context);
    refuseDamage(contents, context.layout);
    const layer = contents.layers.find(({ chainId }) => chainId === next);
    if (layer === undefined || held.has(layer.chainId) || (await isReferenced(contents, layer))) break;
    await removeLayer(context.layout, driver, layer);
    released.push({ chainId: layer.chainId, size: layer.size });
    next = layer.parent;
  }
  return released;
}

function refuseDamage({ skipped }: DockerContents, { root }: DockerLayout): void {
  const hiding = skipped.find(({ kind }) => HIDING.includes(kind));
  if (hiding === undefined) return;
  throw new AufsError(
    'ERR_CORRUPT_LAYER',
    `what ${root} references is not certain: ${hiding.path}: ${hiding.means}`,
    {
      hint: 'see what is wrong: node-aufs docker check',
      path: hiding.path,
    },
  );
}

async function isReferenced(
  { layers, containers, images }: DockerContents,
  { chainId, cacheId, diffPath }: DockerLayer,
): Promise<boolean> {
  return (
    layers.some(({ parent }) => parent === chainId) ||
    containers.some(({ parent }) => parent === chainId) ||
    images.some((image) => image.chainId === chainId) ||
    layers.some((other) => other.cacheId === cacheId && other.chainId !== chainId) ||
    (await listServers()).some(({ args }) => args.includes(diffPath))
  );
}

/** Its entry first gets the name by which it can be collected if this is interrupted. */
async function removeLayer(
  layout: DockerLayout,
  driver: Store,
  { chainId, cacheId }: DockerLayer,
): Promise<void> {
  const aside = join(layout.layers, `${digitsOf(chainId)}-${newLayerId().slice(0, 32)}-removing`);
  await rename(layout.layer(chainId), aside);
  await native(binding().fsyncPath(layout.layers));
  await dropDriverLayer(driver, cacheId);
  await native(binding().removeTree(aside));
}
