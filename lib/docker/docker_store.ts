// SPDX-License-Identifier: MIT
import { AufsError, hasCode } from '../errors.ts';
import { type ByteSource, reading } from '../store/chunks.ts';
import type { ChainId } from '../store/content_id.ts';
import type { Abortable } from '../store/layer.ts';
import { type VerifyOptions, type VerifyReport, verifyLayers } from '../store/verify.ts';
import { createContainer, removeContainer } from './change_containers.ts';
import { checkDocker, type DockerCheckReport } from './check_docker.ts';
import { collectOrphans, type DockerGcReport } from './collect_orphans.ts';
import type { DockerContainer } from './docker_container.ts';
import { type DockerContents, readContents } from './docker_contents.ts';
import { type DockerContext, writableDriver } from './docker_context.ts';
import { DockerLayer, recordedLayer } from './docker_layer.ts';
import { findContainer, findLayer } from './find_docker_layer.ts';
import { type RegisterOptions, registerLayer } from './register_layer.ts';
import { type ReleasedLayer, releaseLayers } from './release_layer.ts';
import { withDatabaseLock } from './transaction.ts';

/** What came of an archive. */
export interface RegisteredLayer {
  readonly layer: DockerLayer;
  /** Whether the layer was there already. */
  readonly existed: boolean;
}

/**
 * What Docker left in its root with the aufs driver: layers of images, containers, names. Every method reads the disk anew; damaged
 * entries are told of and never in the way of the others.
 */
export class DockerStore {
  /** Absolute, symlinks resolved. */
  readonly root: string;
  /** Whether nothing in it can be changed. */
  readonly readOnly: boolean;
  readonly #context: DockerContext;
  /** How often each layer was registered through this object and not released. */
  readonly #held = new Map<ChainId, number>();

  /** @internal Use {@link openDockerStore}. */
  constructor(context: DockerContext) {
    this.root = context.layout.root;
    this.readOnly = context.driver === undefined;
    this.#context = context;
  }

  /** Everything that can be used, and what cannot and why. */
  async contents(): Promise<DockerContents> {
    return readContents(this.#context);
  }

  /**
   * The layer with this chain id, else the topmost one of the image with this name (`busybox`, `busybox:1.36`) or id, else the
   * only one whose chain id, or whose image's id, begins so.
   *
   * @throws {AufsError} `ERR_LAYER_NOT_FOUND`; `ERR_LAYER_ID` for the beginning of several; `ERR_CORRUPT_LAYER`, which says what
   * is wrong with it.
   */
  async layer(text: string): Promise<DockerLayer> {
    return findLayer(await this.contents(), text, this.root);
  }

  /**
   * The container with this id, or the only one whose id begins so.
   *
   * @throws {AufsError} `ERR_LAYER_NOT_FOUND`, `ERR_LAYER_ID`, `ERR_CORRUPT_LAYER`.
   */
  async container(text: string): Promise<DockerContainer> {
    const contents = await this.contents();
    const container = findContainer(contents, text);
    if (container !== undefined) return container;
    const damage = contents.skipped.find(({ kind, id }) => kind === 'container-damaged' && id === text);
    if (damage !== undefined) {
      throw new AufsError('ERR_CORRUPT_LAYER', `container ${text}: ${damage.path}: ${damage.means}`, {
        hint: 'see what else is wrong: node-aufs docker check',
        id: text,
        path: damage.path,
      });
    }
    throw new AufsError('ERR_LAYER_NOT_FOUND', `no container '${text}' in ${this.root}`, {
      hint: 'list them with: node-aufs docker ls',
      id: text,
    });
  }

  /** What is wrong with the store, but for the content of its layers. Nothing is changed. */
  async check(): Promise<DockerCheckReport> {
    return checkDocker(this.#context);
  }

  /**
   * Reads layers and compares them, file by file and as a whole, with the archive that each was made of: CRC-64 of each file, diff id
   * of the whole. Damaged layers are in the report (`id` is the chain id), they are no error.
   *
   * @param layers - Layers, or what {@link layer} takes. @default all that can be used
   * @throws What {@link layer} throws.
   */
  async verify(
    layers?: readonly (string | DockerLayer)[],
    options: VerifyOptions = {},
  ): Promise<VerifyReport> {
    const contents = await this.contents();
    const chosen = (layers ?? contents.layers).map((layer) =>
      layer instanceof DockerLayer ? layer : findLayer(contents, layer, this.root),
    );
    return verifyLayers(chosen.map(recordedLayer), options);
  }

  /**
   * Makes a layer of a tar archive, plain or compressed, whole or not at all. A chain id that is there already gives the layer that is
   * there, and what was unpacked is thrown away. The layer is held until {@link release}.
   *
   * @param options.parent - The layer to stand on, or what {@link layer} takes. Default: none, a base layer.
   * @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`, `ERR_CORRUPT_LAYER` if the layer is there and damaged; what
   * {@link layer} throws, and {@link Store.apply}, which also takes the other options.
   */
  async register(
    source: ByteSource,
    { parent, ...options }: RegisterOptions & { readonly parent?: string | DockerLayer | undefined } = {},
  ): Promise<RegisteredLayer> {
    return reading(source, async () => {
      const driver = await writableDriver(this.#context, 'register a layer');
      const below = typeof parent === 'string' ? await this.layer(parent) : parent;
      const hold = (id: ChainId) => void this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
      const { layout } = this.#context;
      const { id, existed } = await registerLayer(layout, driver, source, below, options, hold);
      try {
        return { layer: await this.layer(id), existed };
      } catch (error) {
        this.#letGo(id);
        throw error;
      }
    });
  }

  /**
   * Lets go of a layer. If it was not registered once more, and no layer on it, no container, no image and no mount needs it, it is
   * removed, and so are the layers below it that nothing needs any more.
   *
   * @returns What was removed, topmost first.
   * @param options.signal - Ends the wait for another process that changes the store; the layer is held on then.
   * @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`; `ERR_CORRUPT_LAYER` if damage of the store hides what is needed:
   * nothing was removed then; what {@link layer} throws.
   */
  async release(layer: string | DockerLayer, { signal }: Abortable = {}): Promise<ReleasedLayer[]> {
    const driver = await writableDriver(this.#context, 'release a layer');
    const { chainId } = typeof layer === 'string' ? await this.layer(layer) : layer;
    const work = (): Promise<ReleasedLayer[]> => {
      this.#letGo(chainId);
      return releaseLayers(this.#context, driver, chainId, this.#held);
    };
    return withDatabaseLock(this.#context.layout, work, signal);
  }

  /**
   * Makes what a container writes to, as Docker did: its own layer, on one with the files that Docker mounts over (`/etc/hosts` …), on the
   * image.
   *
   * @param id - Letters, digits, `_`, `.`, `-`; Docker's are 64 hexadecimal digits.
   * @param image - A layer, or what {@link layer} takes. Default: none.
   * @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`, `ERR_LAYER_ID`, `ERR_LAYER_EXISTS`; what {@link layer} throws.
   * @throws `options.signal.reason`; nothing was made then.
   */
  async createContainer(
    id: string,
    image?: string | DockerLayer,
    options: Abortable = {},
  ): Promise<DockerContainer> {
    const driver = await writableDriver(this.#context, 'create a container');
    const below = typeof image === 'string' ? await this.layer(image) : image;
    await createContainer(this.#context.layout, driver, id, below, options);
    return this.container(id);
  }

  /**
   * Removes a container with its changes, and layers of its image that nothing needs any more, as {@link release} does.
   *
   * @param options.signal - Ends the wait for another process that changes the store.
   * @returns The layers that were removed.
   * @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`, `ERR_LAYER_MOUNTED`, `ERR_BRANCH_BUSY`; what {@link container} throws.
   */
  async removeContainer(
    container: string | DockerContainer,
    { signal }: Abortable = {},
  ): Promise<ReleasedLayer[]> {
    const driver = await writableDriver(this.#context, 'remove a container');
    const work = async (): Promise<ReleasedLayer[]> => {
      const { id } = typeof container === 'string' ? await this.container(container) : container;
      const found = await this.container(id);
      await removeContainer(this.#context.layout, driver, found);
      if (found.parent === undefined) return [];
      try {
        return await releaseLayers(this.#context, driver, found.parent, this.#held);
      } catch (error) {
        // Which layers nothing needs is not certain: they stay.
        if (!hasCode(error, 'ERR_CORRUPT_LAYER')) throw error;
        return [];
      }
    };
    return withDatabaseLock(this.#context.layout, work, signal);
  }

  /**
   * Finishes what was interrupted: entries that were being made or deleted go, with their data. Opening for writing does it, too.
   *
   * @param options.signal - Ends the wait for another process that changes the store.
   * @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`.
   */
  async gc({ signal }: Abortable = {}): Promise<DockerGcReport> {
    const driver = await writableDriver(this.#context, 'collect what was interrupted');
    const { layout } = this.#context;
    return withDatabaseLock(layout, () => collectOrphans(layout, driver), signal);
  }

  #letGo(id: ChainId): void {
    const times = (this.#held.get(id) ?? 0) - 1;
    if (times > 0) this.#held.set(id, times);
    else this.#held.delete(id);
  }
}
