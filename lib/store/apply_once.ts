// SPDX-License-Identifier: MIT
import { type AppliedLayer, applyLayer, describeApplied } from './apply_layer.ts';
import type { ApplyOptions } from './archive_options.ts';
import { type ByteSource, letGo } from './chunks.ts';
import { type DiffId, parseDiffId } from './content_id.ts';
import { exists } from './exists.ts';
import type { Layer } from './layer.ts';
import { withNamedLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';

/**
 * As {@link applyLayer}, but only if `parent` has no read-only layer with that diff id yet; else that one is the
 * result. Who comes while another one is at it waits, and takes over should that one be killed: the kernel then
 * releases its lock.
 *
 * @param layers - Gives all layers of the store, to be called when it is time.
 * @throws {TypeError} without `expectedDiffId`.
 */
export async function applyOnce(
  layout: Layout,
  source: ByteSource,
  parent: string | undefined,
  options: ApplyOptions,
  layers: () => Promise<Layer[]>,
): Promise<AppliedLayer> {
  const { expectedDiffId, signal } = options;
  if (expectedDiffId === undefined) throw new TypeError('Expected expectedDiffId with once: true');
  const find = async (): Promise<Layer | undefined> => {
    for (const layer of await layers()) {
      const fits = layer.readOnly && layer.problem === undefined && layer.parent === parent;
      if (fits && layer.diffId === expectedDiffId && (await exists(layer.diffPath))) return layer;
    }
    return undefined;
  };
  const work = async (): Promise<AppliedLayer> => {
    const there = await find();
    if (there !== undefined) {
      letGo(source);
      return reuse(layout, there, parseDiffId(expectedDiffId));
    }
    const { id, applied } = await applyLayer(layout, source, parent, options);
    const made = (await layers()).find((layer) => layer.id === id);
    return describeApplied(made as Layer, applied);
  };
  return withNamedLock(layout, `apply ${expectedDiffId} on ${parent ?? 'nothing'}`, work, signal);
}

async function reuse(layout: Layout, layer: Layer, diffId: DiffId): Promise<AppliedLayer> {
  return {
    layer,
    diffId,
    size: await layer.diffSize(),
    entries: 0,
    bytes: 0,
    exact: await exists(layout.recordFile(layer.id)),
    leftOut: { housekeeping: 0, devices: 0, attributes: 0 },
    reused: true,
  };
}
