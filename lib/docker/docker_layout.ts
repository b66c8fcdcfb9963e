// SPDX-License-Identifier: MIT
import { basename, join } from 'node:path';
import type { ChainId } from '../store/content_id.ts';
import { Layout } from '../store/layout.ts';

/** Where everything is in a root of Docker's (`/var/lib/docker`) that the aufs driver was used in. */
export class DockerLayout {
  /** Absolute, symlinks resolved. */
  readonly root: string;
  /** The graph driver's part, `aufs/`: a layer store like ours. */
  readonly driver: Layout;

  /** @param driver - Where `aufs/` leads if it is a symlink: mounts and their servers are known by that. */
  constructor(root: string, driver = join(root, 'aufs')) {
    this.root = root;
    this.driver = new Layout(driver);
  }

  /** The layer database. */
  get layerdb(): string {
    return join(this.root, 'image/aufs/layerdb');
  }

  /** A directory for each layer, by the digits of its chain id. */
  get layers(): string {
    return join(this.layerdb, 'sha256');
  }

  /** A directory for each container, by its id. */
  get mounts(): string {
    return join(this.layerdb, 'mounts');
  }

  /** Entries that are being written. */
  get transactions(): string {
    return join(this.layerdb, 'tmp');
  }

  /** Image configurations, each by its own digest. */
  get images(): string {
    return join(this.root, 'image/aufs/imagedb/content/sha256');
  }

  /** Names of images. */
  get repositories(): string {
    return join(this.root, 'image/aufs/repositories.json');
  }

  layer(id: ChainId): string {
    return join(this.layers, digitsOf(id));
  }
}

/** The hexadecimal digits of a digest, which files are named by. */
export function digitsOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

/** True for the name of a layer or image in its folder. */
export function isDigits(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

/** True for a layer on its way out: `<chain id>-<random>-removing`. */
export function isRemoving(name: string): boolean {
  return /^[0-9a-f]{64}-.*-removing$/.test(name);
}

/** Docker takes 64 hexadecimal digits; other names were given by programs that use it. Never leads out of `mounts/`. */
export function isContainerId(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name) && basename(name) === name;
}
