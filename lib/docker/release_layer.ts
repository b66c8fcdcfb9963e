// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { AufsError } from '../errors.ts';
import { listServers, serversWith } from '../mount/running_servers.ts';
import type { ChainId } from '../store/content_id.ts';
import { newLayerId } from '../store/layer_id.ts';
import type { Store } from '../store/store.ts';
import { type DockerContents, readContents } from './docker_contents.ts';
import type { DockerContext } from './docker_context.ts';
import type { DockerFindingKind } from './docker_finding.ts';
import type { DockerLayer } from './docker_layer.ts';
import { type DockerLayout, digitsOf } from './docker_layout.ts';
import { removeEntry } from './entry_data.ts';

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
  'parent-missing',
  'diff-missing',
  'container-damaged',
  'image-damaged',
  'repositories-damaged',
];

/**
 * Removes the layer and then, one by one, those below it, up to the first that something holds: a layer on it, a container, an image, a
 * mount, or `held`. The caller holds the lock of the database.
 *
 * @throws {AufsError} `ERR_CORRUPT_LAYER` if damage of the store hides what is referenced; nothing was removed then. What
 * {@link removeEntry} throws; that layer and those below it are as they were then.
 */
export async function releaseLayers(
  context: DockerContext,
  driver: Store,
  id: ChainId,
  held: ReadonlyMap<ChainId, number>,
): Promise<ReleasedLayer[]> {
  const { layout } = context;
  // Nobody else changes entries meanwhile.
  const contents = await readContents(context);
  refuseDamage(contents, layout);
  const released: ReleasedLayer[] = [];
  const gone = new Set<ChainId>();
  for (let next: ChainId | undefined = id; next !== undefined; ) {
    const layer = contents.layers.find(({ chainId }) => chainId === next);
    if (layer === undefined || held.has(layer.chainId) || (await isReferenced(contents, layer, gone))) break;
    const aside = `${digitsOf(layer.chainId)}-${newLayerId().slice(0, 32)}-removing`;
    const nothing = async () => new Set<string>();
    await removeEntry(driver, layout.layer(layer.chainId), join(layout.layers, aside), nothing);
    gone.add(layer.chainId);
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

/** By a layer that is not `gone`, a container, an image, or a mount; or its data are another entry's, too. */
async function isReferenced(
  { layers, containers, images }: DockerContents,
  { chainId, cacheId, diffPath }: DockerLayer,
  gone: ReadonlySet<ChainId>,
): Promise<boolean> {
  const others = layers.filter((other) => other.chainId !== chainId && !gone.has(other.chainId));
  return (
    others.some((other) => other.parent === chainId || other.cacheId === cacheId) ||
    containers.some(({ parent, mountId, initId }) => {
      return parent === chainId || mountId === cacheId || initId === cacheId;
    }) ||
    images.some((image) => image.chainId === chainId) ||
    serversWith(diffPath, await listServers()).length > 0
  );
}
