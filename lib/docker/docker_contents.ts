// SPDX-License-Identifier: MIT
import type { ChainId } from '../store/content_id.ts';
import { DockerContainer } from './docker_container.ts';
import type { DockerContext } from './docker_context.ts';
import type { DockerFinding } from './docker_finding.ts';
import { DockerLayer } from './docker_layer.ts';
import { readContainers } from './read_containers.ts';
import { type DockerImage, readImages } from './read_images.ts';
import { type LayerEntry, readLayers } from './read_layers.ts';

/** What a store of Docker's holds at one moment. */
export interface DockerContents {
  /** Sorted by chain id. */
  readonly layers: readonly DockerLayer[];
  /** Sorted by id. */
  readonly containers: readonly DockerContainer[];
  /** Sorted by id; also such whose layers are missing. */
  readonly images: readonly DockerImage[];
  /** Entries that were left out, and what is wrong with them. */
  readonly skipped: readonly DockerFinding[];
  /** Names in `layerdb/sha256/` of layers that are being deleted. */
  readonly removing: readonly string[];
}

export async function readContents(context: DockerContext): Promise<DockerContents> {
  const { layout } = context;
  const { usable, findings, removing } = await readLayers(layout);
  const layers = makeLayers(context, usable);
  const containers = await readContainers(layout, usable);
  const images = await readImages(layout, usable);
  return {
    layers: [...layers.values()].sort((a, b) => (a.chainId < b.chainId ? -1 : 1)),
    containers: containers.usable.map((entry) => {
      return new DockerContainer(context, entry, entry.parent && layers.get(entry.parent));
    }),
    images: images.images,
    skipped: [...findings, ...containers.findings, ...images.findings],
    removing,
  };
}

/** Parents before children; the parents of all of them are there. */
function makeLayers(
  context: DockerContext,
  entries: ReadonlyMap<ChainId, LayerEntry>,
): Map<ChainId, DockerLayer> {
  const layers = new Map<ChainId, DockerLayer>();
  for (const start of entries.values()) {
    const missing: LayerEntry[] = [];
    let entry: LayerEntry | undefined = start;
    while (entry !== undefined && !layers.has(entry.chainId)) {
      missing.push(entry);
      entry = entry.parent === undefined ? undefined : entries.get(entry.parent);
    }
    let below = entry === undefined ? [] : withBelow(layers, entry.chainId);
    for (const each of missing.reverse()) {
      const layer = new DockerLayer(context, each, below);
      layers.set(each.chainId, layer);
      below = [layer, ...below];
    }
  }
  return layers;
}

function withBelow(layers: ReadonlyMap<ChainId, DockerLayer>, id: ChainId): DockerLayer[] {
  const layer = layers.get(id);
  if (layer === undefined) return [];
  return [id, ...layer.parents].map((each) => layers.get(each)).filter((each) => each !== undefined);
}
