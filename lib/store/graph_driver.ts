// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream';
import type { Change } from '../binding.ts';
import { AufsError, hasCode } from '../errors.ts';
import { type AppliedLayer, describeApplied } from './apply_layer.ts';
import type { ApplyOptions } from './archive_options.ts';
import { type ByteSource, reading } from './chunks.ts';
import { compareLayers, wholeTree } from './compare_layers.ts';
import { DiffGetter } from './diff_getter.ts';
import { fillLayer } from './fill_layer.ts';
import { Holders } from './holders.ts';
import type { Abortable, Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import type { RemovedLayer } from './remove_layer.ts';
import { freeRemoved } from './removed_data.ts';
import type { Store } from './store.ts';
import { type TreeArchiveOptions, treeArchive } from './tree_archive.ts';

/** Options of {@link GraphDriver.create}. */
export interface DriverCreateOptions extends Abortable {
  /** Docker's `--storage-opt`: an aufs layer has no such options, so any is refused. */
  readonly storageOpt?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Options of {@link GraphDriver.applyDiff}. */
export type ApplyDiffOptions = Omit<ApplyOptions, 'id' | 'parent' | 'once'>;

/**
 * What something is compared with: a layer, whether the other one stands on it or not; null for nothing, so that everything is
 * told; undefined for its parent.
 */
export type Ancestor = string | null | undefined;

/**
 * A store by the names of Docker's graph driver. Layers are named by id, label `name`, or a unique beginning of an id;
 * new ones get the id that is given.
 */
export class GraphDriver {
  readonly #store: Store;
  readonly #layout: Layout;
  readonly #holders: Holders;

  /** @internal Use {@link Store.graphDriver}. */
  constructor(store: Store, layout: Layout) {
    this.#store = store;
    this.#layout = layout;
    this.#holders = new Holders(layout);
  }

  /** True if there is a layer with exactly this id, damaged or not. */
  async exists(id: string): Promise<boolean> {
    return (await this.#store.layers()).some((layer) => layer.id === id);
  }

  /** Docker's words and values, in its order. */
  async status(): Promise<[name: string, value: string][]> {
    const { rootDir, backingFilesystem, dirs, dirperm1Supported } = await this.#store.info();
    return [
      ['Root Dir', rootDir],
      ['Backing Filesystem', backingFilesystem],
      ['Dirs', String(dirs)],
      ['Dirperm1 Supported', String(dirperm1Supported)],
    ];
  }

  /** Always null, as Docker's aufs driver says. */
  async getMetadata(_id: string): Promise<null> {
    return null;
  }

  /**
   * Makes an empty layer, on `parent` if that is given, for {@link applyDiff} or to be written to.
   *
   * @throws {AufsError} what {@link Store.createLayer} throws; `ERR_UNSUPPORTED` for a storage option.
   */
  async create(id: string, parent?: string, options: DriverCreateOptions = {}): Promise<Layer> {
    const { storageOpt = {}, labels, signal } = options;
    if (Object.keys(storageOpt).length > 0) {
      throw new AufsError('ERR_UNSUPPORTED', 'storage options are not supported for aufs', {
        hint: 'leave them out',
        storageOpt,
      });
    }
    return this.#store.createLayer({ id, parent: parent === '' ? undefined : parent, labels, signal });
  }

  /** As {@link create}: in an aufs store a container's layer differs in nothing from another. */
  async createReadWrite(id: string, parent?: string, options: DriverCreateOptions = {}): Promise<Layer> {
    return this.create(id, parent, options);
  }

  /**
   * Where the layer can be used until {@link put}: `mnt/ID`, mounted if it was not, or `diff/ID` itself for a base
   * layer. Counted for this process; the mount outlives it until somebody calls {@link put} or {@link cleanup}.
   */
  async get(id: string): Promise<string> {
    const layer = await this.#layer(id);
    return this.#holders.change(layer.id, 1, async () => {
      if (layer.parents.length === 0) return layer.diffPath;
      if (!(await layer.mounted())) await layer.mount({ persist: true });
      return layer.mountPath;
    });
  }

  /**
   * Gives the layer back; with the last one that any living process has taken it is unmounted. Of a layer that was
   * removed meanwhile the data is freed.
   */
  async put(id: string): Promise<void> {
    const layer = await this.#layerIfAny(id);
    if (layer !== undefined) return this.#release(layer, -1);
    if (!(await this.#holders.ids()).includes(id)) await this.#layer(id);
    await this.#holders.change(id, -1, async () => {});
    await freeRemoved(this.#layout);
  }

  /**
   * Removes the layer; none of that id is no error. A mount of it is no obstacle: it is taken away, lazily if it is in
   * use, and the result tells who used it.
   *
   * @throws {AufsError} `ERR_LAYER_HAS_CHILDREN`.
   */
  async remove(id: string, { signal }: Abortable = {}): Promise<RemovedLayer | undefined> {
    return (await this.#layerIfAny(id, true))?.remove({ force: true, signal });
  }

  /** Unmounts what {@link get} has mounted and no living process holds any more. @throws The first failure, after all were tried. */
  async cleanup(): Promise<void> {
    const failures: unknown[] = [];
    for (const id of await this.#holders.ids()) {
      await this.#cleanUp(id).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /**
   * What the layer changes of its parent, as an archive; of any other layer, what must be applied on top of that one to get
   * what this layer shows. The stream fails as that of {@link Layer.archive} does.
   */
  async diff(id: string, ancestor?: Ancestor, options: TreeArchiveOptions = {}): Promise<Readable> {
    const layer = await this.#layer(id);
    const other = await this.#other(layer, ancestor);
    if (other === undefined) return layer.archive(options);
    return treeArchive(this.#layout, layer, () => this.#compare(layer, other), options);
  }

  /** Sum of the sizes of the layer's own files, or of those that {@link changes} since `ancestor` names. */
  async diffSize(id: string, ancestor?: Ancestor): Promise<number> {
    const layer = await this.#layer(id);
    const other = await this.#other(layer, ancestor);
    if (other === undefined) return layer.diffSize();
    const changes = await this.#compare(layer, other);
    return changes.reduce((sum, { kind, size }) => (kind === 'D' ? sum : sum + size), 0);
  }

  /** What the layer changes of its parent, or of any other layer. */
  async changes(id: string, ancestor?: Ancestor): Promise<Change[]> {
    const layer = await this.#layer(id);
    const other = await this.#other(layer, ancestor);
    return other === undefined ? layer.changes() : this.#compare(layer, other);
  }

  /**
   * Fills the layer from an archive; it is made if it is not there, else it must be empty, and stand on `parent`. Either
   * way it is read-only from then on. `size` of the result is what Docker's driver returns.
   *
   * @throws {AufsError} what {@link Store.apply} throws; `ERR_LAYER_EXISTS` or `ERR_LAYER_READ_ONLY` if it has content or is committed, `ERR_PARENT_NOT_FOUND` if
   * it stands on something else. The store is as it was.
   */
  async applyDiff(
    id: string,
    parent: string | undefined,
    source: ByteSource,
    options: ApplyDiffOptions = {},
  ): Promise<AppliedLayer> {
    return reading(source, () => this.#applyDiff(id, parent, source, options));
  }

  /** Reads the layer's own files by name, as the archive that it was made of has them. To be closed. */
  async diffGetter(id: string): Promise<DiffGetter> {
    return DiffGetter.open(await this.#layer(id));
  }

  async #applyDiff(
    id: string,
    parent: string | undefined,
    source: ByteSource,
    options: ApplyDiffOptions,
  ): Promise<AppliedLayer> {
    const below = parent === undefined || parent === '' ? undefined : await this.#layer(parent);
    if (!(await this.exists(id))) return this.#store.apply(source, { ...options, id, parent: below });
    const layer = await this.#layer(id);
    if (layer.parent !== below?.id) {
      throw new AufsError('ERR_PARENT_NOT_FOUND', `layer ${id} does not stand on ${parent ?? 'nothing'}`, {
        hint: `it stands on ${layer.parent ?? 'nothing'}`,
        id,
      });
    }
    const applied = await fillLayer(this.#layout, layer, source, options);
    return describeApplied(await this.#layer(id), applied);
  }

  /** Undefined for the direct parent, whose comparison is the layer itself. */
  async #other(layer: Layer, ancestor: Ancestor): Promise<Layer | null | undefined> {
    if (ancestor === null || ancestor === '') return layer.parent === undefined ? undefined : null;
    if (ancestor === undefined) return undefined;
    const other = await this.#layer(ancestor);
    return other.id === layer.parent ? undefined : other;
  }

  async #compare(layer: Layer, other: Layer | null): Promise<Change[]> {
    return other === null ? wholeTree(layer) : compareLayers(layer, other, (id) => this.#layer(id));
  }

  async #cleanUp(id: string): Promise<void> {
    const layer = await this.#layerIfAny(id);
    if (layer === undefined) await this.#holders.change(id, Number.NEGATIVE_INFINITY, async () => {});
    else await this.#release(layer, 0);
  }

  async #release(layer: Layer, by: number): Promise<void> {
    await this.#holders.change(layer.id, by, async (_, after) => {
      if (after === 0 && layer.parents.length > 0 && (await layer.mounted())) await layer.unmount();
    });
  }

  async #layer(id: string): Promise<Layer> {
    return this.#store.layer(id);
  }

  async #layerIfAny(id: string, damaged = false): Promise<Layer | undefined> {
    try {
      return await this.#store.layer(id, { damaged });
    } catch (error) {
      if (hasCode(error, 'ERR_LAYER_NOT_FOUND')) return undefined;
      throw error;
    }
  }
}
