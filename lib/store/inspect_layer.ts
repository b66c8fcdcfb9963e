// SPDX-License-Identifier: MIT
import type { TreeUsage } from '../binding.ts';
import { listServers, serversOf } from '../mount/running_servers.ts';
import type { ChainId, DiffId } from './content_id.ts';
import { exists, sizeOf } from './exists.ts';
import { NAME_LABEL } from './find_layer.ts';
import type { Abortable, Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import { layerMount } from './mounted.ts';
import { type Reference, References } from './references.ts';
import { treeUsage } from './tree_usage.ts';

/** What is mounted on a layer's `mnt/ID`. */
export interface MountFacts {
  readonly target: string;
  /** `fuse.node-aufs`, or `aufs` if a kernel with AUFS has done it. */
  readonly type: string;
  readonly readOnly: boolean;
  /** Process ids of its server. */
  readonly servers: readonly number[];
}

/** Everything that is known of a layer. */
export interface LayerDescription {
  readonly id: string;
  /** Its label `name`. */
  readonly name: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly parent: string | null;
  /** Nearest first. */
  readonly parents: readonly string[];
  /** Those that stand on it directly. */
  readonly children: readonly string[];
  /** 1 for a base layer. */
  readonly depth: number;
  readonly readOnly: boolean;
  readonly created: string | null;
  readonly diffId: DiffId | null;
  /** Null unless the diff ids of all layers down to the base are known. */
  readonly chainId: ChainId | null;
  /** Size of the record that gives the same archive again; null if there is none. */
  readonly recordBytes: number | null;
  readonly mount: MountFacts | null;
  /** Why gc does not remove it, whatever its labels. */
  readonly reference: Reference | null;
  readonly usage: TreeUsage;
  readonly diffPath: string;
  readonly mountPath: string;
  readonly chainPath: string;
  /** Null for a layer that Docker made. */
  readonly metadataPath: string | null;
  readonly problem: string | null;
}

/** @param layers - All of the store. */
export async function inspectLayer(
  layout: Layout,
  layer: Layer,
  layers: readonly Layer[],
  { signal }: Abortable,
): Promise<LayerDescription> {
  const { id, labels, parents, readOnly, diffPath, mountPath } = layer;
  const references = await References.of(layout, layers);
  return {
    id,
    name: labels[NAME_LABEL] ?? null,
    labels,
    parent: layer.parent ?? null,
    parents,
    children: layers.filter(({ parent }) => parent === id).map((child) => child.id),
    depth: parents.length + 1,
    readOnly,
    created: layer.created?.toISOString() ?? null,
    diffId: layer.diffId ?? null,
    chainId: (await layer.chainId()) ?? null,
    recordBytes: (await sizeOf(layout.recordFile(id))) ?? null,
    mount: await mountFacts(layout, id),
    reference: references.holding(layer, new Set(), new Set()) ?? null,
    usage: await treeUsage(diffPath, signal),
    diffPath,
    mountPath,
    chainPath: layout.chain(id),
    metadataPath: (await exists(layout.metadataFile(id))) ? layout.metadataFile(id) : null,
    problem: layer.problem?.message ?? null,
  };
}

async function mountFacts(layout: Layout, id: string): Promise<MountFacts | null> {
  const mount = await layerMount(layout, id);
  if (mount === undefined) return null;
  const { target, type, options, superOptions } = mount;
  const servers = serversOf(target, await listServers()).map(({ pid }) => pid);
  return { target, type, readOnly: options.includes('ro') || superOptions.includes('ro'), servers };
}
