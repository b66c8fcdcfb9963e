// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream';
import type { Change } from '../binding.ts';
import { binding } from '../binding.ts';
import { type AufsError, native } from '../errors.ts';
import type { Mount } from '../mount.ts';
import { type UnmountOptions, unmount } from '../mount.ts';
import type { Branch } from '../options.ts';
import type { ArchiveOptions } from './archive_options.ts';
import { layerChainId } from './chain_id.ts';
import { commitLayer } from './commit_layer.ts';
import { type ChainId, type DiffId, parseDiffId } from './content_id.ts';
import type { Layout } from './layout.ts';
import type { LayerMetadata } from './metadata.ts';
import { indexLayer, type LayerMountOptions, mountLayer } from './mount_layer.ts';
import { layerMount } from './mounted.ts';
import { archiveLayer } from './produce_archive.ts';
import { type RemovedLayer, type RemoveOptions, removeLayer } from './remove_layer.ts';

/** Takes part in an operation that can be called off. */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

export interface CommitOptions extends Abortable {
  /** Id of the new layer. @default random */
  readonly id?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What a store shares with its layers. */
export interface LayerContext {
  readonly layout: Layout;
  /** Mounts that were made through this store object, by layer id. */
  readonly mounts: Map<string, Mount>;
  /** A layer of this store by its exact id. */
  readonly layer: (id: string) => Promise<Layer>;
}

/** What is known of a layer when its object is made. */
export interface LayerFacts {
  readonly id: string;
  readonly parents: readonly string[];
  readonly metadata: LayerMetadata | undefined;
  readonly problem: AufsError | undefined;
}

/**
 * A layer of a store: a directory of changes on top of its parents. Facts are those of when it was looked up.
 */
export class Layer {
  readonly id: string;
  /** Ids of the layers below, nearest first; empty for a base layer. */
  readonly parents: readonly string[];
  /** A committed layer: it is only ever mounted read-only. */
  readonly readOnly: boolean;
  /** When it was made; undefined for layers that Docker made. */
  readonly created: Date | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** `sha256:…` of the archive that it was made of; undefined for layers that came about in another way. */
  readonly diffId: DiffId | undefined;
  /** The directory of its changes, AUFS whiteouts verbatim. */
  readonly diffPath: string;
  /** Where it is mounted, when it is. */
  readonly mountPath: string;
  /** Set if the layer's record is damaged (`ERR_CORRUPT_LAYER`); then it can only be removed. */
  readonly problem: AufsError | undefined;
  readonly #context: LayerContext;

  /** @internal Use {@link Store.layer}. */
  constructor(context: LayerContext, { id, parents, metadata, problem }: LayerFacts) {
    this.#context = context;
    this.id = id;
    this.parents = parents;
    this.readOnly = metadata?.readOnly ?? false;
    this.created = metadata?.created === undefined ? undefined : new Date(metadata.created);
    this.labels = metadata?.labels ?? {};
    this.diffId = metadata?.diffId === undefined ? undefined : parseDiffId(metadata.diffId);
    this.diffPath = context.layout.diff(id);
    this.mountPath = context.layout.mountpoint(id);
    this.problem = problem;
  }

  /** Id of the layer that this one stands on; undefined for a base layer. */
  get parent(): string | undefined {
    return this.parents[0];
  }

  /**
   * Names its content and that of everything below it, as Docker and the OCI image specification do; undefined unless the diff
   * ids of all layers down to the base are known.
   */
  async chainId(): Promise<ChainId | undefined> {
    return layerChainId(this.#context.layout, [this.id, ...this.parents]);
  }

  /**
   * The branch stack that shows this layer, topmost first: itself `rw` (`ro+wh` if read-only), its parents
   * `ro+wh`.
   */
  branches(readOnly = this.readOnly): Branch[] {
    this.#refuseProblem();
    const top: Branch = { path: this.diffPath, mode: readOnly ? 'ro+wh' : 'rw' };
    return [
      top,
      ...this.parents.map((id): Branch => ({ path: this.#context.layout.diff(id), mode: 'ro+wh' })),
    ];
  }

  /**
   * Mounts the layer on {@link mountPath}. A read-only layer and one that others stand on are mounted
   * read-only.
   *
   * @throws {AufsError} `ERR_LAYER_MOUNTED`; `ERR_LAYER_READ_ONLY` if `readOnly: false` was demanded of such
   * a layer; and what {@link mount} throws.
   */
  async mount(options: LayerMountOptions = {}): Promise<Mount> {
    this.#refuseProblem();
    return mountLayer(this.#context, this, options);
  }

  /** True while it is mounted on {@link mountPath}, by whatever process. */
  async mounted(): Promise<boolean> {
    return (await layerMount(this.#context.layout, this.id)) !== undefined;
  }

  /** Unmounts it, whoever mounted it. @throws {AufsError} `ERR_NOT_MOUNTED`, `ERR_MOUNT_BUSY`. */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    const mount = this.#context.mounts.get(this.id);
    if (mount === undefined) {
      await unmount(this.mountPath, options);
      const { durability } = this.#context.layout;
      if (durability === 'full' && !this.readOnly) await native(binding().syncfs(this.diffPath));
      return;
    }
    await mount.unmount(options);
    this.#context.mounts.delete(this.id);
  }

  /**
   * Makes the index of this layer and of all below it now, so that also the first mount over it has one (see
   * {@link MountOptions.chainIndex}); otherwise that mount makes it. It is used while the layer is not changed.
   *
   * @throws {AufsError} `ERR_CHAIN_INDEX`.
   */
  async index(options: Abortable = {}): Promise<void> {
    this.#refuseProblem();
    await indexLayer(this.#context, this, options);
  }

  /** What this layer changes of those below it, sorted by path. Works on a mounted layer too. */
  async changes({ signal }: Abortable = {}): Promise<Change[]> {
    this.#refuseProblem();
    signal?.throwIfAborted();
    const parents = this.parents.map((id) => this.#context.layout.diff(id));
    return native(binding().changes(this.diffPath, parents), { path: this.diffPath });
  }

  /** Sum of the apparent sizes of its own files in bytes, each inode once (Docker's DiffSize). */
  async diffSize(): Promise<number> {
    return native(binding().diffSize(this.diffPath), { path: this.diffPath });
  }

  /**
   * Makes a new read-only layer with the changes of this one, on the same parent. The data is copied, with
   * reflinks where the file system has them.
   *
   * @throws {AufsError} `ERR_LAYER_MOUNTED` if this one is mounted: it could change meanwhile.
   */
  async commit(options: CommitOptions = {}): Promise<Layer> {
    this.#refuseProblem();
    return this.#context.layer(await commitLayer(this.#context.layout, this, options));
  }

  /**
   * The layer as a tar archive, the layer format of OCI images. The same layer gives the same bytes: names are
   * sorted, and nothing of this machine gets in. Nothing is read before the stream is; when it is destroyed, all
   * is let go.
   *
   * The stream fails with `ERR_LAYER_MOUNTED` if the layer is mounted for writing, `ERR_LAYER_CHANGED` if a file
   * changes meanwhile, with `exact` also `ERR_NO_RECORD` and `ERR_DIGEST`; and with `signal.reason`.
   *
   * @example
   * await pipeline(layer.archive(), createGzip(), createWriteStream('layer.tar.gz'));
   */
  archive(options: ArchiveOptions = {}): Readable {
    this.#refuseProblem();
    return archiveLayer(this.#context.layout, this, options);
  }

  /**
   * Removes the layer and its changes. With `force` a mount of it is no obstacle; the result tells who was in the way.
   *
   * @throws {AufsError} `ERR_LAYER_MOUNTED` (`holders` are who uses the mount), `ERR_LAYER_HAS_CHILDREN`,
   * `ERR_BRANCH_BUSY`.
   */
  async remove(options: RemoveOptions = {}): Promise<RemovedLayer> {
    const removed = await removeLayer(this.#context.layout, this.id, options);
    this.#context.mounts.delete(this.id);
    return removed;
  }

  #refuseProblem(): void {
    if (this.problem !== undefined) throw this.problem;
  }
}
