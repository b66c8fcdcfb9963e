// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { Durability } from './durability.ts';
import { checkLayerId } from './layer_id.ts';

/**
 * Where everything of a store is. `diff/`, `layers/` and `mnt/` are Docker's, to the letter; what is ours
 * alone lies in `.node-aufs/`, and a store without it (one that Docker made) works all the same.
 *
 * Every path of a layer is made here, and only from a valid id.
 */
export class Layout {
  /** Absolute, symlinks resolved. */
  readonly root: string;
  /** How surely it is kept there. */
  readonly durability: Durability;

  constructor(root: string, durability: Durability = 'layer') {
    this.root = root;
    this.durability = durability;
  }

  get diffs(): string {
    return join(this.root, 'diff');
  }

  get chains(): string {
    return join(this.root, 'layers');
  }

  get mountpoints(): string {
    return join(this.root, 'mnt');
  }

  get own(): string {
    return join(this.root, '.node-aufs');
  }

  /** Half-made layers; a name in here is `ID` of the layer that is being made. */
  get staging(): string {
    return join(this.own, 'staging');
  }

  get locks(): string {
    return join(this.own, 'locks');
  }

  get metadata(): string {
    return join(this.own, 'layers');
  }

  /** Who uses a layer by the graph driver; see {@link Holders}. */
  get holders(): string {
    return join(this.own, 'holders');
  }

  /** Chain indexes; see {@link MountOptions.chainIndex}. They can be removed at any time. */
  get indexes(): string {
    return join(this.own, 'indexes');
  }

  /** The content of a branch, AUFS whiteouts verbatim. */
  diff(id: string): string {
    return join(this.diffs, checkLayerId(id));
  }

  /** The parent chain: one id per line, nearest first. Its existence is the layer's. */
  chain(id: string): string {
    return join(this.chains, checkLayerId(id));
  }

  mountpoint(id: string): string {
    return join(this.mountpoints, checkLayerId(id));
  }

  lock(id: string): string {
    return join(this.locks, checkLayerId(id));
  }

  metadataFile(id: string): string {
    return join(this.metadata, `${checkLayerId(id)}.json`);
  }

  /** What the archive that the layer came from had beside its files' data, as Docker's tar-split writes it. */
  recordFile(id: string): string {
    return join(this.metadata, `${checkLayerId(id)}.tar-split.json.gz`);
  }

  /** Of the chain that begins with that layer. */
  chainIndex(id: string): string {
    return join(this.indexes, checkLayerId(id));
  }

  stage(id: string): string {
    return join(this.staging, checkLayerId(id));
  }
}

/** What Docker appends to `diff/ID` and `mnt/ID` while it deletes them. */
export const REMOVING = '-removing';
