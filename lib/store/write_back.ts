// SPDX-License-Identifier: MIT
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import type { Durability } from './durability.ts';

const MiB = 1024 * 1024;
/** The disk begins when so much was written: often enough that it is never far behind, seldom enough that its journal is in nobody's way. */
const MUCH = 128 * MiB;
/** Not worth a flush more than there has to be. */
const LITTLE = 16 * MiB;

/** Has the disk write while more is being made, so that the flush at the end, which must still come, finds little to do. */
export class WriteBack {
  readonly #durability: Durability;
  readonly #path: string;
  #begunAt = 0;
  #running: Promise<void> | undefined;
  /** Kept: the kernel tells each error of the disk once. */
  #failures: unknown[] = [];

  /** Of the file system that `path` is on; does nothing where nothing is flushed. */
  constructor(durability: Durability, path: string) {
    this.#durability = durability;
    this.#path = path;
  }

  /** `bytes`: written until now, of which more follow. */
  wrote(bytes: number): void {
    if (bytes - this.#begunAt >= MUCH) this.#begin(bytes);
  }

  /** `bytes`: written in all; what is left to do changes no content. */
  wroteAll(bytes: number): void {
    if (bytes - this.#begunAt >= LITTLE) this.#begin(bytes);
  }

  /** Resolves when nothing runs any more. @throws what was the matter with the disk since this was made. */
  async settle(): Promise<void> {
    await this.#running;
    for (const failure of this.#failures) throw failure;
  }

  #begin(bytes: number): void {
    if (this.#running !== undefined || this.#durability === 'none') return;
    this.#begunAt = bytes;
    this.#running = native(binding().syncfs(this.#path))
      .catch((failure: unknown) => void this.#failures.push(failure))
      .finally(() => {
        this.#running = undefined;
      });
  }
}
