// SPDX-License-Identifier: MIT
import type { Change } from '../binding.ts';
import { hasCode } from '../errors.ts';
import { changesSince } from './changes_since.ts';
import { Holders } from './holders.ts';
import type { Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import type { Store } from './store.ts';

/**
 * A store by the names of Docker's graph driver. Ids are exact. What is missing here is in {@link Store} and
 * {@link Layer}: Create is `createLayer`, ApplyDiff `apply`, Diff `archive`, Remove `remove`.
 */
export class GraphDriver {
  readonly #store: Store;
  readonly #holders: Holders;

  /** @internal Use {@link Store.graphDriver}. */
  constructor(store: Store, layout: Layout) {
    this.#store = store;
    this.#holders = new Holders(layout);
  }

  /** True if there is a layer with this id, damaged or not. */
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
   * Where the layer can be used until {@link put}: `mnt/ID`, mounted if it was not, or `diff/ID` itself for a base
   * layer. Counted for this process; the mount outlives it until somebody calls {@link put} or {@link cleanup}.
   */
  async get(id: string): Promise<string> {
    const layer = await this.#layer(id);
    return this.#holders.change(id, 1, async () => {
      if (layer.parents.length === 0) return layer.diffPath;
      if (!(await layer.mounted())) await layer.mount({ persist: true });
      return layer.mountPath;
    });
  }

  /** Gives the layer back; with the last one that any living process has taken it is unmounted. */
  async put(id: string): Promise<void> {
    await this.#release(await this.#layer(id), -1);
  }

  /** Unmounts what {@link get} has mounted and no living process holds any more. */
  async cleanup(): Promise<void> {
    for (const id of await this.#holders.ids()) {
      const layer = await this.#layer(id).catch((error: unknown) => {
        if (hasCode(error, 'ERR_LAYER_NOT_FOUND')) return undefined;
        throw error;
      });
      if (layer === undefined) await this.#holders.change(id, Number.NEGATIVE_INFINITY, async () => {});
      else await this.#release(layer, 0);
    }
  }

  /** Sum of the sizes of the layer's own files, or of those that {@link changes} since `ancestor` names. */
  async diffSize(id: string, ancestor?: string): Promise<number> {
    const layer = await this.#layer(id);
    if (ancestor === undefined || ancestor === layer.parent) return layer.diffSize();
    const changes = await this.changes(id, ancestor);
    return changes.reduce((sum, { kind, size }) => (kind === 'D' ? sum : sum + size), 0);
  }

  /**
   * What the layer changes of its parent, or, with those between them, of `ancestor`.
   *
   * @throws {AufsError} `ERR_PARENT_NOT_FOUND` if it does not stand on `ancestor`.
   */
  async changes(id: string, ancestor?: string): Promise<Change[]> {
    const layer = await this.#layer(id);
    if (ancestor === undefined || ancestor === layer.parent) return layer.changes();
    const above = await Promise.all(layer.parents.map((parent) => this.#layer(parent)));
    return changesSince(layer, above, ancestor);
  }

  async #release(layer: Layer, by: number): Promise<void> {
    await this.#holders.change(layer.id, by, async (_, after) => {
      if (after === 0 && layer.parents.length > 0 && (await layer.mounted())) await layer.unmount();
    });
  }

  async #layer(id: string): Promise<Layer> {
    return this.#store.layer(id);
  }
}
