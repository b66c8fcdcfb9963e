// SPDX-License-Identifier: MIT
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import { settled } from '../settled.ts';
import { formatChain, readChain } from './chain_file.ts';
import { flushNames } from './durability.ts';
import { writeDurably } from './durable_file.ts';
import { withLayerLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';
import { type LayerMetadata, writeMetadata } from './metadata.ts';
import { isWritableMount } from './mounted.ts';
import { moveDirectory } from './move_directory.ts';
import { makeDirectory } from './own_folders.ts';
import { type WriteBack, writtenBack } from './write_back.ts';

/** A layer to be. */
export interface NewLayer {
  readonly id: string;
  readonly parent: string | undefined;
  readonly readOnly: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Puts content into the empty directory `diff`; beside it there is room for more. */
  readonly fill?: (diff: string, disk: WriteBack) => Promise<Filled | undefined>;
  readonly signal?: AbortSignal | undefined;
}

/** What is known of a layer's content once it is there. */
export interface Filled {
  readonly diffId: string;
  /** A tar-split record, to be kept with the layer. */
  readonly record: string | undefined;
}

/**
 * Makes a layer, whole or not at all: it is filled in `staging/ID`, written back to disk, then its
 * directories are renamed into place, and `layers/ID`, which is what makes it a layer, comes last. While
 * `staging/ID` exists without `layers/ID`, whatever bears the id is half-made and is swept when the store is
 * opened next.
 */
export async function publishLayer(layout: Layout, layer: NewLayer): Promise<void> {
  await withLayerLock(layout, layer.id, () => publishLocked(layout, layer), layer.signal);
}

async function publishLocked(layout: Layout, layer: NewLayer): Promise<void> {
  const { id, fill, signal } = layer;
  await refuseExisting(layout, id);
  const stage = layout.stage(id);
  await native(binding().removeTree(stage));
  try {
    await makeDirectory(stage, 0o700);
    await makeDirectory(join(stage, 'diff'), 0o755);
    await makeDirectory(join(stage, 'mnt'), 0o755);
    let filled: Filled | undefined;
    if (fill !== undefined) {
      filled = await writtenBack(layout.durability, stage, async (disk) => {
        const content = await fill(join(stage, 'diff'), disk);
        signal?.throwIfAborted();
        return content;
      });
    }
    await (layer.parent === undefined
      ? putInPlace(layout, layer, [], filled)
      : withParent(layout, layer.parent, (parents) => putInPlace(layout, layer, parents, filled), signal));
  } catch (error) {
    // It can be there already, if only the flush of its name failed.
    await rm(layout.chain(id), { force: true });
    await dropHalfMade(layout, id);
    throw error;
  }
  // The layer is there. What stays if this fails the next open removes.
  await native(binding().removeTree(stage)).catch(() => {});
}

/** Removes what there is of a layer that has no `layers/ID`. The caller holds its lock. */
export async function dropHalfMade(layout: Layout, id: string): Promise<void> {
  const own = [layout.metadataFile(id), layout.recordFile(id), layout.chainIndex(id), layout.stage(id)];
  for (const path of [layout.diff(id), layout.mountpoint(id), ...own]) {
    await native(binding().removeTree(path));
  }
}

async function putInPlace(
  layout: Layout,
  layer: NewLayer,
  parents: readonly string[],
  filled: Filled | undefined,
): Promise<void> {
  const { id, readOnly, labels } = layer;
  const stage = layout.stage(id);
  await moveDirectory(join(stage, 'diff'), layout.diff(id));
  await rename(join(stage, 'mnt'), layout.mountpoint(id));
  // writeMetadata() flushes the folder that both lie in.
  if (filled?.record !== undefined) await rename(filled.record, layout.recordFile(id));
  const metadata: LayerMetadata = {
    parent: parents[0] ?? null,
    readOnly,
    created: new Date().toISOString(),
    labels,
    diffId: filled?.diffId,
  };
  // At once, so that a journal is committed for all of them together.
  await settled([
    flushNames(layout.durability, layout.diffs),
    flushNames(layout.durability, layout.mountpoints),
    writeMetadata(layout, id, metadata),
  ]);
  await writeDurably(layout.chain(id), formatChain(parents), layout.durability);
}

/** Runs `work` with the chain of a child of `parent`, which cannot be removed or mounted meanwhile. */
async function withParent(
  layout: Layout,
  parent: string,
  work: (parents: readonly string[]) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const locked = async (): Promise<void> => {
    const above = await readChain(layout, parent);
    if (above === undefined) {
      throw new AufsError('ERR_PARENT_NOT_FOUND', `no layer ${parent} in ${layout.root} to stand on`, {
        hint: 'list the layers with `node-aufs ls`',
        id: parent,
      });
    }
    if (await isWritableMount(layout, parent)) {
      throw new AufsError(
        'ERR_LAYER_MOUNTED',
        `layer ${parent} is mounted for writing, nothing can stand on it`,
        {
          hint: 'unmount it first',
          id: parent,
        },
      );
    }
    await work([parent, ...above]);
  };
  await withLayerLock(layout, parent, locked, signal);
}

async function refuseExisting(layout: Layout, id: string): Promise<void> {
  for (const path of [layout.chain(id), layout.diff(id)]) {
    try {
      await stat(path);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) continue;
      throw error;
    }
    const isLayer = path === layout.chain(id);
    throw new AufsError(
      'ERR_LAYER_EXISTS',
      isLayer
        ? `there is a layer ${id} in ${layout.root} already`
        : `${path} exists without a layer of that id`,
      { hint: isLayer ? 'leave the id out to get a new one' : 'move it away first', id },
    );
  }
}
