// SPDX-License-Identifier: MIT
import { readdir } from 'node:fs/promises';
import { AufsError, hasCode } from '../errors.ts';
import type { Mount } from '../mount.ts';
import { settled } from '../settled.ts';
import { type AppliedLayer, applyLayer, describeApplied } from './apply_layer.ts';
import { applyOnce } from './apply_once.ts';
import type { ApplyOptions } from './archive_options.ts';
import { readChain } from './chain_file.ts';
import { type CheckOptions, type CheckReport, checkStore } from './check/check_store.ts';
import { type ByteSource, reading } from './chunks.ts';
import { measureStore, type StoreUsage } from './df.ts';
import { exists } from './exists.ts';
import { findByName } from './find_layer.ts';
import { collectGarbage, type GcOptions, type GcReport } from './gc.ts';
import { GraphDriver } from './graph_driver.ts';
import { inspectLayer, type LayerDescription } from './inspect_layer.ts';
import { type Abortable, Layer, type LayerContext } from './layer.ts';
import { checkLayerId, checkLayerPrefix, isLayerId, newLayerId } from './layer_id.ts';
import { type LayerTree, layerTree, type TreeOptions } from './layer_tree.ts';
import type { Layout } from './layout.ts';
import { readMetadata } from './metadata.ts';
import { recorded } from './produce_archive.ts';
import { publishLayer } from './publish_layer.ts';
import { copyInto } from './source_tree.ts';
import { describeStore, type StoreInfo } from './store_info.ts';
import { type VerifyOptions, type VerifyReport, verifyLayers } from './verify.ts';

export interface CreateLayerOptions extends Abortable {
  /** The layer to stand on, by its id, its name or a unique beginning of its id. @default none: a base layer */
  readonly parent?: string | Layer | undefined;
  /** 64 hexadecimal digits; `-init` may follow. @default random */
  readonly id?: string | undefined;
  /** A directory whose copy is the layer's content, whiteouts in it included; such a layer is read-only. */
  readonly from?: string | undefined;
  /** Where in the layer the copy of `from` goes, for example `usr/lib/app`. @default the layer's root */
  readonly at?: string | undefined;
  /** Never mounted for writing. @default true with `from`, else false */
  readonly readOnly?: boolean | undefined;
  /** Kept with the layer, for whatever the caller likes. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/**
 * A layer store: `diff/`, `layers/` and `mnt/` as Docker's aufs driver laid them out. Any number of processes
 * may use it at once.
 */
export class Store implements AsyncDisposable {
  /** Absolute, symlinks resolved. */
  readonly root: string;
  readonly #layout: Layout;
  readonly #context: LayerContext;

  /** @internal Use {@link openStore}. */
  constructor(layout: Layout) {
    this.root = layout.root;
    this.#layout = layout;
    this.#context = { layout, mounts: new Map<string, Mount>(), layer: (id) => this.layer(id) };
  }

  /**
   * Makes a layer; it is there whole or, if this rejects, not at all.
   *
   * @throws {AufsError} `ERR_PARENT_NOT_FOUND`, `ERR_LAYER_ID`, `ERR_LAYER_EXISTS`, `ERR_LAYER_MOUNTED` if
   * the parent is mounted for writing.
   */
  async createLayer(options: CreateLayerOptions = {}): Promise<Layer> {
    const { from, at = '', labels = {}, signal } = options;
    const id = checkLayerId(options.id ?? newLayerId());
    const parent = await this.#parentId(options.parent);
    const readOnly = options.readOnly ?? from !== undefined;
    const fill = from === undefined ? {} : { fill: (diff: string) => copyInto(diff, from, at) };
    await publishLayer(this.#layout, { id, parent, readOnly, labels, signal, ...fill });
    return this.layer(id);
  }

  /**
   * Makes a read-only layer of a tar archive, plain or compressed with gzip or zstd; it is there whole
   * or, if this rejects, not at all. Entries cannot get out of the layer, whatever their names and links say. As
   * root, owners and devices are the archive's; otherwise everything belongs to this user.
   *
   * @param source - Chunks of it. A stream is read with back-pressure, and destroyed if the work ends early.
   * @throws {AufsError} `ERR_ARCHIVE` (damaged, cut off, no archive), `ERR_ARCHIVE_UNSAFE` (an entry that wants
   * out), `ERR_ARCHIVE_LIMIT`, `ERR_DIGEST`, `ERR_UNSUPPORTED`; and what {@link createLayer} throws.
   *
   * @example
   * const { layer, diffId } = await store.apply(createReadStream('layer.tar.gz'), { parent: base });
   */
  async apply(source: ByteSource, options: ApplyOptions = {}): Promise<AppliedLayer> {
    return reading(source, async () => {
      const parent = await this.#parentId(options.parent);
      const { once = false } = options;
      if (once) return applyOnce(this.#layout, source, parent, options, () => this.layers());
      const { id, applied } = await applyLayer(this.#layout, source, parent, options);
      return describeApplied(await this.layer(id), applied);
    });
  }

  /**
   * The layer with this id, else the one whose label `name` is this, else the only one whose id begins so.
   *
   * @param options.damaged - Gives a layer whose record is damaged too (see {@link Layer.problem}), to remove
   * it.
   * @throws {AufsError} `ERR_LAYER_NOT_FOUND`, `ERR_LAYER_ID` (no name and no id, or the beginning or name of several),
   * `ERR_CORRUPT_LAYER`.
   */
  async layer(id: string, { damaged = false }: { readonly damaged?: boolean } = {}): Promise<Layer> {
    const layer = await this.#read(await this.#resolve(id));
    if (layer === undefined) throw this.#notFound(id);
    if (layer.problem !== undefined && !damaged) throw layer.problem;
    return layer;
  }

  /** All layers, sorted by id. A damaged one is among them and says so in {@link Layer.problem}. */
  async layers(): Promise<Layer[]> {
    const layers = await Promise.all((await this.#ids()).map((id) => this.#read(id)));
    return layers.filter((layer) => layer !== undefined);
  }

  /** What Docker's `info` says of a store, and more. */
  async info(): Promise<StoreInfo> {
    return describeStore(this.#layout, (await this.#ids()).length);
  }

  /**
   * What is wrong with the store and what can be done about it. Nothing is changed unless `repair` is asked for; then
   * it waits until nobody makes, mounts, commits or removes a layer. Data is removed only where an interrupted operation
   * left it. Opening a store finishes interrupted operations; to see them, open it with `sweep: false`.
   *
   * @throws {SystemError} if the store cannot be read, with `repair` also if it cannot be written to.
   */
  async check(options: CheckOptions = {}): Promise<CheckReport> {
    return checkStore(this.#layout, options);
  }

  /**
   * Removes what interrupted operations left, and read-only layers that have the label `cache` and that nothing
   * references. Layers that can be written to, have the label `keep`, are mounted or a branch of some mount, or
   * that a layer which stays stands on, are never removed.
   *
   * @throws {AufsError} `ERR_CORRUPT_LAYER` if damage of the store hides what is referenced; `ERR_LAYER_NOT_FOUND` for
   * a layer of `keep` that is not there. Nothing was removed then.
   */
  async gc(options: GcOptions = {}): Promise<GcReport> {
    const keep: string[] = [];
    for (const id of options.keep ?? []) keep.push(await this.#resolve(id));
    return collectGarbage(this.#layout, () => this.layers(), { ...options, keep });
  }

  /** What each layer takes, and what would become free. Looks at every file; changes nothing. */
  async df(options: Abortable = {}): Promise<StoreUsage> {
    return measureStore(this.#layout, await this.layers(), options);
  }

  /**
   * Reads layers and compares them, file by file and as a whole, with the archive that each was made of. Nothing is
   * changed. Damaged layers are in the report, they are no error.
   *
   * @param layers - Layers, or what {@link layer} takes. @default all
   * @throws {AufsError} `ERR_LAYER_NOT_FOUND`, `ERR_LAYER_ID`.
   */
  async verify(layers?: readonly (string | Layer)[], options: VerifyOptions = {}): Promise<VerifyReport> {
    const chosen: Layer[] = [];
    for (const layer of layers ?? (await this.layers())) {
      chosen.push(layer instanceof Layer ? layer : await this.layer(layer, { damaged: true }));
    }
    return verifyLayers(
      chosen.map((layer) => recorded(this.#layout, layer)),
      options,
    );
  }

  /** As {@link layer}, a damaged one too (see {@link Layer.problem}). */
  async find(text: string): Promise<Layer> {
    return this.layer(text, { damaged: true });
  }

  /** Which layer stands on which: the base layers, each with what stands on it. */
  async tree(options: TreeOptions = {}): Promise<LayerTree[]> {
    return layerTree(await this.layers(), options);
  }

  /** Everything that is known of a layer, its size included. @throws what {@link find} throws. */
  async inspect(layer: string | Layer, options: Abortable = {}): Promise<LayerDescription> {
    const found = layer instanceof Layer ? layer : await this.find(layer);
    return inspectLayer(this.#layout, found, await this.layers(), options);
  }

  /** This store by the names of Docker's graph driver. */
  graphDriver(): GraphDriver {
    return new GraphDriver(this, this.#layout);
  }

  /** Unmounts what was mounted through this object, except persistent mounts. */
  async close(): Promise<void> {
    const mounts = [...this.#context.mounts.values()].filter((mount) => !mount.persistent);
    this.#context.mounts.clear();
    await settled(mounts.map((mount) => mount[Symbol.asyncDispose]()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ids(): Promise<string[]> {
    return (await readdir(this.#layout.chains)).filter(isLayerId).sort();
  }

  /** Undefined if there is no such layer (any more). */
  async #read(id: string): Promise<Layer | undefined> {
    try {
      const parents = await readChain(this.#layout, id);
      if (parents === undefined) return undefined;
      const metadata = await readMetadata(this.#layout, id);
      return new Layer(this.#context, { id, parents, metadata, problem: undefined });
    } catch (problem) {
      if (!(problem instanceof AufsError) || problem.code !== 'ERR_CORRUPT_LAYER') throw problem;
      // It and its parent may have been removed between two looks.
      if (!(await this.#ids()).includes(id)) return undefined;
      const metadata = await readMetadata(this.#layout, id);
      return new Layer(this.#context, { id, parents: [], metadata, problem });
    }
  }

  async #resolve(prefix: string): Promise<string> {
    if (isLayerId(prefix) && (await exists(this.#layout.chain(prefix)))) return prefix;
    const ids = await this.#ids();
    if (ids.includes(prefix)) return prefix;
    const named = isLayerId(prefix) ? undefined : findByName(await this.layers(), prefix);
    if (named !== undefined) return named.id;
    checkLayerPrefix(prefix);
    const matches = ids.filter((id) => id.startsWith(prefix));
    const [only, ...others] = matches;
    if (only === undefined) throw this.#notFound(prefix);
    if (others.length === 0) return only;
    throw new AufsError('ERR_LAYER_ID', `'${prefix}' is the beginning of ${matches.length} layer ids`, {
      hint: `give more of it: ${matches.slice(0, 5).join(', ')}`,
      id: prefix,
    });
  }

  async #parentId(parent: string | Layer | undefined): Promise<string | undefined> {
    if (parent === undefined) return undefined;
    if (parent instanceof Layer) return parent.id;
    try {
      return (await this.layer(parent)).id;
    } catch (cause) {
      if (!hasCode(cause, 'ERR_LAYER_NOT_FOUND')) throw cause;
      throw new AufsError('ERR_PARENT_NOT_FOUND', `no layer '${parent}' in ${this.root} to stand on`, {
        hint: 'list the layers with `node-aufs ls`',
        id: parent,
      });
    }
  }

  #notFound(id: string): AufsError {
    return new AufsError('ERR_LAYER_NOT_FOUND', `no layer '${id}' in ${this.root}`, {
      hint: 'list the layers with `node-aufs ls`',
      id,
    });
  }
}
