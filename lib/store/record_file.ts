// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip, type Gzip } from 'node:zlib';

/** Writes a tar-split record, compressed as Docker keeps it. */
export class RecordFile {
  readonly path: string;
  readonly #gzip: Gzip;
  readonly #written: Promise<void>;

  /** `path` must not exist. */
  constructor(path: string) {
    this.path = path;
    // Level 1: the lines compress well anyway, and nobody waits for this.
    this.#gzip = createGzip({ level: 1 });
    this.#written = pipeline(this.#gzip, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    this.#written.catch(() => {});
  }

  /** Resolves when there is room for more. @throws what the file's stream says. */
  async write(lines: Buffer): Promise<void> {
    if (lines.length === 0 || this.#gzip.write(lines)) return;
    await Promise.race([once(this.#gzip, 'drain'), this.#written]);
  }

  /** Resolves when everything is in the file. */
  async end(): Promise<void> {
    this.#gzip.end();
    await this.#written;
  }

  /** Gives up; the file stays, half-written. */
  async destroy(): Promise<void> {
    this.#gzip.destroy();
    await this.#written.catch(() => {});
  }
}
