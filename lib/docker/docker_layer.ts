// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Mount, type MountOptions, mount } from '../mount.ts';
import type { Branch } from '../options.ts';
import type { ArchiveOptions } from '../store/archive_options.ts';
import type { ChainId, DiffId } from '../store/content_id.ts';
import { exactChunks, type RecordedLayer } from '../store/exact_archive.ts';
import { byteStream } from '../store/produce_archive.ts';
import type { DockerContext } from './docker_context.ts';
import type { LayerEntry } from './read_layers.ts';

/** As for {@link mount}, but for the branches, which are known. */
export type DockerMountOptions = Omit<MountOptions, 'branches'>;

/** A layer of an image in a store of Docker's. It never changes. */
export class DockerLayer {
  /** Names the layer and everything below it. */
  readonly chainId: ChainId;
  /** `sha256:…` of its uncompressed archive. */
  readonly diffId: DiffId;
  /** Name of its directory in `aufs/diff/`. */
  readonly cacheId: string;
  /** Of the layers below, nearest first; empty for a base layer. */
  readonly parents: readonly ChainId[];
  /** Docker's DiffSize of this layer alone, in bytes, as it was recorded. */
  readonly size: number;
  /** The directory of its content, AUFS whiteouts verbatim. */
  readonly diffPath: string;
  /** What its archive had beside the data of its files (tar-split). */
  readonly recordPath: string;
  readonly #below: readonly DockerLayer[];

  /** @internal @param below - Nearest first. */
  constructor({ layout }: DockerContext, entry: LayerEntry, below: readonly DockerLayer[]) {
    this.chainId = entry.chainId;
    this.diffId = entry.diffId;
    this.cacheId = entry.cacheId;
    this.size = entry.size;
    this.parents = below.map((layer) => layer.chainId);
    this.diffPath = layout.driver.diff(entry.cacheId);
    this.recordPath = join(entry.path, 'tar-split.json.gz');
    this.#below = below;
  }

  /** Chain id of the layer that this one stands on; undefined for a base layer. */
  get parent(): ChainId | undefined {
    return this.parents[0];
  }

  /** The branch stack that shows this layer, topmost first; all of it `ro+wh`. */
  branches(): Branch[] {
    return [this, ...this.#below].map(({ diffPath }): Branch => ({ path: diffPath, mode: 'ro+wh' }));
  }

  /**
   * Mounts the layer on the empty directory `target`, read-only.
   *
   * @throws What {@link mount} throws.
   */
  mount(target: string, options: Omit<DockerMountOptions, 'readOnly'> = {}): Promise<Mount> {
    return mount(target, { ...options, branches: this.branches(), readOnly: true });
  }

  /**
   * The archive that the layer was pulled or built as, byte for byte. Each file's checksum and at the end the diff id prove it; the
   * stream fails with `ERR_LAYER_CHANGED`, `ERR_DIGEST` or `ERR_NO_RECORD` before its last chunk otherwise.
   */
  archive({ signal, onProgress }: Pick<ArchiveOptions, 'signal' | 'onProgress'> = {}): Readable {
    return byteStream(exactChunks(recordedLayer(this), { onProgress }), signal);
  }
}

/** What it takes to put its archive together. */
export function recordedLayer({ chainId, diffId, diffPath, recordPath }: DockerLayer): RecordedLayer {
  return { id: chainId, diffPath, recordPath, diffId };
}
