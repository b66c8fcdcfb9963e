// SPDX-License-Identifier: MIT
import type { TreeUsage } from '../binding.ts';
import { findFaults } from './check/check_store.ts';
import { makePlan, measureLeftovers } from './gc.ts';
import type { Abortable, Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import type { Reference } from './references.ts';
import { treeUsage } from './tree_usage.ts';

/** What a layer takes, its parents not counted. */
export interface LayerUsage extends TreeUsage {
  readonly id: string;
  /** What becomes free at least if the layer goes: the blocks that it shares with nobody. 0 while something references it. */
  readonly reclaimable: number;
  /** What references it; null if nothing does, or if damage hides it. */
  readonly reference: Reference | null;
}

export interface StoreUsage {
  readonly layers: readonly LayerUsage[];
  /** What interrupted operations left, in bytes on disk. */
  readonly leftoverBytes: number;
  /** Of all layers; `reclaimable` has the leftovers in it. */
  readonly total: TreeUsage & { readonly reclaimable: number };
}

/** Measures every layer; see {@link Store.df}. */
export async function measureStore(
  layout: Layout,
  layers: readonly Layer[],
  { signal }: Abortable,
): Promise<StoreUsage> {
  const leftovers = await measureLeftovers(layout, (await findFaults(layout)).faults, signal);
  const leftoverBytes = leftovers.reduce((sum, { bytes }) => sum + bytes, 0);
  const { plan, kept } = await makePlan(layout, layers, new Set(), true);
  // Damage hides what is referenced; gc() removes nothing then.
  const free = new Set(layers.some(({ problem }) => problem !== undefined) ? [] : plan.map(({ id }) => id));
  const references = new Map(kept.map(({ id, why }) => [id, why as Reference]));
  const usages: LayerUsage[] = [];
  for (const { id, diffPath } of layers) {
    const usage = await treeUsage(diffPath, signal);
    const reclaimable = free.has(id) ? usage.bytesOnDisk - (usage.sharedBytes ?? 0) : 0;
    usages.push({ id, ...usage, reclaimable, reference: references.get(id) ?? null });
  }
  const sum = (of: (usage: LayerUsage) => number): number =>
    usages.reduce((before, usage) => before + of(usage), 0);
  const total = {
    bytesOnDisk: sum(({ bytesOnDisk }) => bytesOnDisk),
    apparentBytes: sum(({ apparentBytes }) => apparentBytes),
    entries: sum(({ entries }) => entries),
    reclaimable: sum(({ reclaimable }) => reclaimable) + leftoverBytes,
    sharedBytes: usages.some(({ sharedBytes }) => sharedBytes === null)
      ? null
      : sum(({ sharedBytes }) => sharedBytes ?? 0),
  };
  return { layers: usages, leftoverBytes, total };
}
