// SPDX-License-Identifier: MIT
import { type Applied, applyArchive } from './apply_archive.ts';
import { type ApplyOptions, resolveApply } from './archive_options.ts';
import type { ByteSource } from './chunks.ts';
import type { DiffId } from './content_id.ts';
import type { Layer } from './layer.ts';
import { checkLayerId, newLayerId } from './layer_id.ts';
import type { Layout } from './layout.ts';
import { type Filled, publishLayer } from './publish_layer.ts';
import type { WriteBack } from './write_back.ts';

/** What came of an archive. */
export interface AppliedLayer {
  readonly layer: Layer;
  /** `sha256:…` of the uncompressed archive. */
  readonly diffId: DiffId;
  /** Docker's DiffSize: of the layer's files in bytes, each inode once. */
  readonly size: number;
  readonly entries: number;
  /** Of the uncompressed archive. */
  readonly bytes: number;
  /** Whether {@link Layer.archive} with `exact` gives the same archive again. */
  readonly exact: boolean;
  /** What the layer has not, although the archive had it. */
  readonly leftOut: {
    /** Housekeeping of a union: names that begin `.wh..wh.`. */
    readonly housekeeping: number;
    /** Device nodes, for want of privilege. */
    readonly devices: number;
    /** Extended attributes that this file system or user cannot set. */
    readonly attributes: number;
  };
  /** True if nothing was unpacked, for the layer was there (option `once`). Counts are 0 then, but for `size`. */
  readonly reused: boolean;
}

/** What is told of a layer that was just made of an archive. */
export function describeApplied(layer: Layer, applied: Applied): AppliedLayer {
  const { diffId, size, entries, bytes, dropped, devices, attributes, record } = applied;
  const leftOut = { housekeeping: dropped, devices, attributes };
  return { layer, diffId, size, entries, bytes, exact: record !== undefined, leftOut, reused: false };
}

/** Makes a read-only layer of an archive, whole or not at all; gives its id and what the archive was. */
export async function applyLayer(
  layout: Layout,
  source: ByteSource,
  parent: string | undefined,
  options: ApplyOptions,
): Promise<{ readonly id: string; readonly applied: Applied }> {
  const { labels = {}, signal } = options;
  const settings = resolveApply(options);
  const id = checkLayerId(options.id ?? newLayerId());
  const found: { applied?: Applied } = {};
  const fill = async (diff: string, disk: WriteBack): Promise<Filled> => {
    found.applied = await applyArchive(diff, source, disk, settings);
    return found.applied;
  };
  await publishLayer(layout, { id, parent, readOnly: true, labels, fill, signal });
  return { id, applied: found.applied as Applied };
}
