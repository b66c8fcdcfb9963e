// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import { type VerifyOptions, type VerifyReport, verifyLayers } from '../store/verify.ts';
import { checkDocker, type DockerCheckReport } from './check_docker.ts';
import type { DockerContainer } from './docker_container.ts';
import { type DockerContents, readContents } from './docker_contents.ts';
import type { DockerContext } from './docker_context.ts';
import { DockerLayer, recordedLayer } from './docker_layer.ts';
import { findContainer, findLayer } from './find_docker_layer.ts';

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

  /** @internal Use {@link openDockerStore}. */
  constructor(context: DockerContext) {
    this.root = context.layout.root;
    this.readOnly = context.readOnly;
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
}
