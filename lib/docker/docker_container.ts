// SPDX-License-Identifier: MIT
import { binding, type Change } from '../binding.ts';
import { native } from '../errors.ts';
import { type Mount, mount } from '../mount.ts';
import type { Branch } from '../options.ts';
import type { ChainId } from '../store/content_id.ts';
import type { Abortable } from '../store/layer.ts';
import { type DockerContext, writableDriver } from './docker_context.ts';
import type { DockerLayer, DockerMountOptions } from './docker_layer.ts';
import type { ContainerEntry } from './read_containers.ts';

/** A container's file system in a store of Docker's: its changes, on files that Docker put there, on an image. */
export class DockerContainer {
  readonly id: string;
  /** Name of the directory of its changes in `aufs/diff/`. */
  readonly mountId: string;
  /** Name of the layer with `/etc/hosts` and the like; undefined for a container that has none. */
  readonly initId: string | undefined;
  /** The topmost layer of its image; undefined for a container on nothing. */
  readonly parent: ChainId | undefined;
  /** The directory of its changes. */
  readonly diffPath: string;
  readonly #context: DockerContext;
  readonly #below: readonly string[];

  /** @internal */
  constructor(context: DockerContext, entry: ContainerEntry, image: DockerLayer | undefined) {
    const { driver } = context.layout;
    this.id = entry.id;
    this.mountId = entry.mountId;
    this.initId = entry.initId;
    this.parent = entry.parent;
    this.diffPath = driver.diff(entry.mountId);
    this.#context = context;
    this.#below = [
      ...(entry.initId === undefined ? [] : [driver.diff(entry.initId)]),
      ...(image?.branches().map(({ path }) => path) ?? []),
    ];
  }

  /** The branch stack that shows the container, topmost first: its changes (`rw` unless `readOnly`), all else `ro+wh`. */
  branches(readOnly = true): Branch[] {
    return [
      { path: this.diffPath, mode: readOnly ? 'ro+wh' : 'rw' },
      ...this.#below.map((path): Branch => ({ path, mode: 'ro+wh' })),
    ];
  }

  /**
   * Mounts the container's file system on the empty directory `target`: read-only, unless `readOnly: false` is asked of a store
   * that was opened for writing.
   *
   * @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`; what {@link mount} throws.
   */
  async mount(target: string, options: DockerMountOptions = {}): Promise<Mount> {
    const { readOnly = true } = options;
    if (!readOnly) await writableDriver(this.#context, `mount container ${this.id} for writing`);
    return mount(target, { ...options, branches: this.branches(readOnly), readOnly });
  }

  /** What `docker diff` says: the container's changes against its image and what Docker put there. Sorted by path. */
  async changes({ signal }: Abortable = {}): Promise<Change[]> {
    signal?.throwIfAborted();
    return native(binding().changes(this.diffPath, this.#below), { path: this.diffPath });
  }
}
