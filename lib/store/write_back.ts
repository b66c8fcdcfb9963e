// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import type { Durability } from './durability.ts';

const MiB = 1024 * 1024;
/** The disk begins when so much was written: often enough that it is never far behind, seldom enough that its journal is in nobody's way. */
const MUCH = 128 * MiB;
/** Not worth a flush more than there has to be. */
const LITTLE = 16 * MiB;

/**
 * Content on its way to the disk. Its descriptor is open from the beginning, for the kernel tells an error of the disk once to each
 * descriptor that was there before it: what somebody else's flush was told of is not lost on this one (Linux 5.8).
 */
export class WriteBack {
  /** Undefined where nothing is flushed. */
  readonly #handle: FileHandle | undefined;
  readonly #path: string;
  #begunAt = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly reason: unknown } | undefined;

  private constructor(path: string, handle?: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Of the file system that the directory `path` is on; before anything is written. To be ended. */
  static async begin(durability: Durability, path: string): Promise<WriteBack> {
    if (durability === 'none') return new WriteBack(path);
    return new WriteBack(path, await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }

  /** `bytes`: written until now, of which more follow: the disk may begin. @throws as flush(), if that is known already. */
  wrote(bytes: number): void {
    this.#check();
    if (bytes - this.#begunAt >= MUCH) this.#start(bytes);
  }

  /** `bytes`: written in all; what is left to do changes no content. */
  wroteAll(bytes: number): void {
    if (bytes - this.#begunAt >= LITTLE) this.#start(bytes);
  }

  /** Everything is on disk when this resolves, unless nothing is flushed. @throws what was the matter with the disk since begin(). */
  async flush(): Promise<void> {
    await this.#running;
    this.#check();
    await this.#sync();
  }

  /** Nothing runs any more when this resolves. */
  async end(): Promise<void> {
    await this.#running;
    await this.#handle?.close();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  #start(bytes: number): void {
    if (this.#running !== undefined) return;
    this.#begunAt = bytes;
    this.#running = this.#sync().then(
      () => {
        this.#running = undefined;
      },
      (reason: unknown) => {
        this.#failure = { reason };
      },
    );
  }

  async #sync(): Promise<void> {
    if (this.#handle !== undefined) await native(binding().syncfsOf(this.#handle.fd), { path: this.#path });
  }
}

/**
 * Runs `work`, which writes below the directory `path`; what it wrote is on disk when this resolves, unless nothing is flushed.
 *
 * @throws what `work` throws, or what the disk said while it ran.
 */
export async function writtenBack<T>(
  durability: Durability,
  path: string,
  work: (disk: WriteBack) => Promise<T>,
): Promise<T> {
  const disk = await WriteBack.begin(durability, path);
  try {
    const made = await work(disk);
    await disk.flush();
    return made;
  } finally {
    await disk.end();
  }
}
