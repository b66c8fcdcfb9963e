// SPDX-License-Identifier: MIT
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import { type Applied, applyArchive } from './apply_archive.ts';
import { type ApplyOptions, resolveApply } from './archive_options.ts';
import type { ByteSource } from './chunks.ts';
import { flushNames } from './durability.ts';
import type { Layer } from './layer.ts';
import { withLayerLock } from './layer_lock.ts';
import { busyBranch, isLockedBranch } from './layer_users.ts';
import type { Layout } from './layout.ts';
import { readMetadata, writeMetadata } from './metadata.ts';
import { isWritableMount } from './mounted.ts';
import { moveDirectory } from './move_directory.ts';
import { makeDirectory } from './own_folders.ts';
import { childrenOf } from './remove_layer.ts';
import { writtenBack } from './write_back.ts';

/**
 * Puts the content of an archive into a layer that is empty yet; it is read-only from then on. Filled is a directory in
 * `staging/ID`, which then takes the place of `diff/ID` in one step: the layer is empty or whole, also after a crash.
 *
 * @throws {AufsError} `ERR_LAYER_EXISTS` if it has content, or layers stand on it; `ERR_LAYER_READ_ONLY`; `ERR_LAYER_MOUNTED`,
 * `ERR_BRANCH_BUSY` if somebody writes to it; and what {@link applyArchive} throws. The layer is as it was.
 */
export async function fillLayer(
  layout: Layout,
  layer: Layer,
  source: ByteSource,
  options: ApplyOptions,
): Promise<Applied> {
  const settings = resolveApply(options);
  const { id } = layer;
  const stage = layout.stage(id);
  const work = async (): Promise<Applied> => {
    await refuseUsed(layout, id);
    await native(binding().removeTree(stage));
    try {
      const diff = join(stage, 'diff');
      await makeDirectory(diff, 0o755);
      const applied = await writtenBack(layout.durability, stage, (disk) =>
        applyArchive(diff, source, disk, settings),
      );
      await putInPlace(layout, layer, applied, options.labels);
      return applied;
    } finally {
      await native(binding().removeTree(stage));
    }
  };
  return withLayerLock(layout, id, work, options.signal);
}

async function putInPlace(
  layout: Layout,
  { id, parent, labels }: Layer,
  { diffId, record }: Applied,
  more: ApplyOptions['labels'],
): Promise<void> {
  // rename(2) replaces a directory only if it is empty.
  await moveDirectory(join(layout.stage(id), 'diff'), layout.diff(id)).catch((cause: unknown) => {
    throw hasCode(cause, 'ENOTEMPTY') || hasCode(cause, 'EEXIST') ? notEmpty(layout, id) : cause;
  });
  try {
    await flushNames(layout.durability, layout.diffs);
    if (record !== undefined) await rename(record, layout.recordFile(id));
    const before = await readMetadata(layout, id);
    await writeMetadata(layout, id, {
      parent: parent ?? null,
      readOnly: true,
      created: before?.created ?? new Date().toISOString(),
      labels: { ...labels, ...more },
      diffId,
    });
  } catch (error) {
    await takeBack(layout, id);
    throw error;
  }
}

/** The layer is empty again. */
async function takeBack(layout: Layout, id: string): Promise<void> {
  await moveDirectory(layout.diff(id), join(layout.stage(id), 'diff'));
  await makeDirectory(layout.diff(id), 0o755);
  await native(binding().removeTree(layout.recordFile(id)));
}

async function refuseUsed(layout: Layout, id: string): Promise<void> {
  if (await isWritableMount(layout, id)) {
    throw new AufsError(
      'ERR_LAYER_MOUNTED',
      `cannot fill layer ${id}: it is mounted on ${layout.mountpoint(id)}`,
      { hint: 'unmount it first', id, path: layout.mountpoint(id) },
    );
  }
  if (await isLockedBranch(layout.diff(id))) throw busyBranch(layout, id, 'fill');
  const used = (await readdir(layout.diff(id))).length > 0 || (await childrenOf(layout, id)).length > 0;
  if (used) throw notEmpty(layout, id);
  if ((await readMetadata(layout, id))?.readOnly === true) {
    throw new AufsError(
      'ERR_LAYER_READ_ONLY',
      `cannot fill layer ${id}: it is a committed, read-only layer`,
      {
        hint: 'make a new layer of the archive',
        id,
      },
    );
  }
}

function notEmpty(layout: Layout, id: string): AufsError {
  return new AufsError('ERR_LAYER_EXISTS', `layer ${id} in ${layout.root} has content already`, {
    hint: 'make a new layer of the archive',
    id,
  });
}
