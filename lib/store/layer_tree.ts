// SPDX-License-Identifier: MIT

import { NAME_LABEL } from './find_layer.ts';
import type { Abortable, Layer } from './layer.ts';

export interface TreeOptions extends Abortable {
  /** Adds up the size of each layer. @default false */
  readonly size?: boolean | undefined;
}

/** A layer and those that stand on it. */
export interface LayerTree {
  readonly id: string;
  /** Its label `name`. */
  readonly name: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  readonly mounted: boolean;
  /** Docker's DiffSize in bytes; null unless it was asked for. */
  readonly size: number | null;
  /** Why it cannot be used; its place in the tree is not known then. */
  readonly problem: string | null;
  /** Sorted by id. */
  readonly children: readonly LayerTree[];
}

/** The layers that stand on no other, sorted by id, each with what stands on it. A damaged layer is among them. */
export async function layerTree(
  layers: readonly Layer[],
  { size = false, signal }: TreeOptions,
): Promise<LayerTree[]> {
  const children = new Map<string, LayerTree[]>(layers.map(({ id }) => [id, []]));
  const roots: LayerTree[] = [];
  for (const layer of layers) {
    signal?.throwIfAborted();
    const { id, labels, readOnly, problem, parent } = layer;
    const place = (parent === undefined ? undefined : children.get(parent)) ?? roots;
    place.push({
      id,
      name: labels[NAME_LABEL] ?? null,
      labels,
      readOnly,
      mounted: await layer.mounted(),
      size: size ? await layer.diffSize() : null,
      problem: problem?.message ?? null,
      children: children.get(id) ?? [],
    });
  }
  return roots;
}
