// SPDX-License-Identifier: MIT
import { mountAt, readMounts } from '../mount/mountinfo.ts';
import { listServers } from '../mount/running_servers.ts';
import { parseChain } from './chain_file.ts';
import type { Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import { readTextIfAny } from './regular_file.ts';

/** Label, whatever its value, of a layer that {@link Store.gc} never removes. */
export const KEEP_LABEL = 'keep';
/** Label, whatever its value, of a layer that can be made again. */
export const CACHE_LABEL = 'cache';

/**
 * Why a layer is not removed, in the order in which it is asked: it can be written to; its id was given; it has the
 * label; it is mounted, or a branch of some mount; others stand on it.
 */
export type Reference = 'writable' | 'asked' | 'keep' | 'mounted' | 'children';

/** What holds the layers of a store, as of one moment. */
export class References {
  readonly #children: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #mounted: ReadonlySet<string>;

  private constructor(children: ReadonlyMap<string, ReadonlySet<string>>, mounted: ReadonlySet<string>) {
    this.#children = children;
    this.#mounted = mounted;
  }

  static async of(layout: Layout, layers: readonly Layer[]): Promise<References> {
    const children = new Map<string, Set<string>>();
    const mounted = new Set<string>();
    const mounts = await readMounts();
    const words = (await listServers()).flatMap(({ args }) => args);
    for (const layer of layers) {
      for (const parent of await namedBy(layout, layer)) {
        children.set(parent, (children.get(parent) ?? new Set()).add(layer.id));
      }
      // A mount anywhere (`-o br=…`) has the layer's directory on its server's command line.
      const used =
        words.some((word) => word.includes(layer.id)) || mountAt(mounts, layer.mountPath) !== undefined;
      if (used) mounted.add(layer.id);
    }
    return new References(children, mounted);
  }

  /** Undefined if nothing holds the layer, those in `gone` set aside. */
  holding(layer: Layer, keep: ReadonlySet<string>, gone: ReadonlySet<string>): Reference | undefined {
    if (!layer.readOnly) return 'writable';
    if (keep.has(layer.id)) return 'asked';
    if (Object.hasOwn(layer.labels, KEEP_LABEL)) return 'keep';
    if (this.#mounted.has(layer.id)) return 'mounted';
    const children = this.#children.get(layer.id) ?? [];
    return [...children].every((child) => gone.has(child)) ? undefined : 'children';
  }
}

/** Every id that the layer's list has, also if that is damaged. */
async function namedBy(layout: Layout, layer: Layer): Promise<readonly string[]> {
  if (layer.problem === undefined) return layer.parents;
  return parseChain(await readTextIfAny(layout.chain(layer.id)));
}
