// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream';
import { Union, type UnionPath } from '../union.ts';
import type { Layer } from './layer.ts';

/**
 * The files of one layer by the names that its archive has, whiteouts of other layers aside: what puts an archive
 * together again from its tar-split record needs. No symlink leads out of the layer.
 */
export class DiffGetter implements AsyncDisposable {
  readonly #union: Union;

  private constructor(union: Union) {
    this.#union = union;
  }

  /** @internal Use {@link GraphDriver.diffGetter}. */
  static async open(layer: Layer): Promise<DiffGetter> {
    return new DiffGetter(await Union.open({ branches: [{ path: layer.diffPath, mode: 'ro' }] }));
  }

  /** The data of a file. @throws {SystemError} ENOENT if the layer does not have it. */
  async get(path: UnionPath): Promise<Readable> {
    const file = await this.#union.open(path);
    const stream = file.createReadStream();
    return stream.once('close', () => void file.close().catch(() => {}));
  }

  /** Streams that were not read to their end fail after that. */
  async close(): Promise<void> {
    await this.#union.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
