// SPDX-License-Identifier: MIT
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { resolveData, resolveInteger, resolveMode, resolveTime, type TimeInput } from '../arguments.ts';
import { binding } from '../binding.ts';
import type { UnionGuard } from './guard.ts';
import { BigIntStats, Stats } from './stats.ts';

const CHUNK = 256 * 1024;

/** Encoding, or the bytes as they are. */
export interface EncodingOptions {
  readonly encoding?: BufferEncoding | null | undefined;
}

/** Options of {@link UnionFileHandle.createReadStream}. */
export interface ReadStreamOptions {
  /** First byte. @default the handle's own position */
  readonly start?: number | undefined;
  /** Last byte, inclusive. @default the end of the file */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An open file of a union, shaped like `fs.promises.FileHandle`. All handles of one file see the same data, also when it
 * is copied up in between. Emits `'close'`. Not closing it keeps the file open until the union is closed.
 */
export class UnionFileHandle extends EventEmitter implements AsyncDisposable {
  readonly #guard: UnionGuard;
  readonly #file: number;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(guard: UnionGuard, file: number) {
    super();
    this.#guard = guard;
    this.#file = file;
  }

  /** Number of the handle within its union; not a file descriptor of the process. */
  get fd(): number {
    return this.#file;
  }

  /** Reads up to `length` bytes into `buffer`; without `position` at the handle's own, which then moves. */
  async read<B extends Uint8Array>(
    buffer: B,
    offset = 0,
    length = buffer.byteLength - offset,
    position: number | null = null,
  ): Promise<{ bytesRead: number; buffer: B }> {
    const into = slice(buffer, offset, length);
    const at = position === null ? -1 : resolveInteger(position, 'position', 0);
    const bytesRead = await this.#guard.run((union) => binding().fileRead(union, this.#file, into, at));
    return { bytesRead, buffer };
  }

  /** Writes all of it; without `position` at the handle's own. A handle opened for appending always appends. */
  async write(
    data: Uint8Array | string,
    offset = 0,
    length?: number,
    position: number | null = null,
  ): Promise<{ bytesWritten: number; buffer: Uint8Array }> {
    const bytes = resolveData(data, 'utf8');
    const from = slice(bytes, offset, length ?? bytes.byteLength - offset);
    const at = position === null ? -1 : resolveInteger(position, 'position', 0);
    const bytesWritten = await this.#guard.run((union) => binding().fileWrite(union, this.#file, from, at));
    return { bytesWritten, buffer: bytes };
  }

  readFile(
    options: BufferEncoding | (EncodingOptions & { readonly encoding: BufferEncoding }),
  ): Promise<string>;
  readFile(options?: EncodingOptions | null): Promise<Buffer>;
  /** From the handle's own position to the end. */
  async readFile(options?: BufferEncoding | EncodingOptions | null): Promise<string | Buffer> {
    const encoding = typeof options === 'string' ? options : options?.encoding;
    const bytes = await this.#guard.run((union) => binding().fileReadAll(union, this.#file));
    return encoding ? bytes.toString(encoding) : bytes;
  }

  /** Writes at the handle's own position. */
  async writeFile(
    data: string | ArrayBufferView,
    options?: BufferEncoding | EncodingOptions | null,
  ): Promise<void> {
    const encoding = (typeof options === 'string' ? options : options?.encoding) ?? 'utf8';
    await this.write(resolveData(data, encoding));
  }

  /** As {@link writeFile}: it is the handle that appends or not. */
  async appendFile(
    data: string | ArrayBufferView,
    options?: BufferEncoding | EncodingOptions | null,
  ): Promise<void> {
    await this.writeFile(data, options);
  }

  stat(options: { readonly bigint: true }): Promise<BigIntStats>;
  stat(options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  async stat({
    bigint = false,
  }: {
    readonly bigint?: boolean | undefined;
  } = {}): Promise<Stats | BigIntStats> {
    const fields = await this.#guard.run((union) => binding().fileStat(union, this.#file));
    return bigint ? new BigIntStats(fields) : new Stats(fields);
  }

  /** Cuts or lengthens the file to `size` bytes. */
  async truncate(size = 0): Promise<void> {
    resolveInteger(size, 'size', 0);
    await this.#guard.run((union) => binding().fileTruncate(union, this.#file, size));
  }

  async chmod(mode: number | string): Promise<void> {
    const bits = resolveMode(mode);
    await this.#guard.run((union) => binding().fileChmod(union, this.#file, bits));
  }

  async chown(uid: number, gid: number): Promise<void> {
    await this.#guard.run((union) => binding().fileChown(union, this.#file, uid, gid));
  }

  async utimes(atime: TimeInput, mtime: TimeInput): Promise<void> {
    const [a, m] = [resolveTime(atime, 'atime'), resolveTime(mtime, 'mtime')];
    await this.#guard.run((union) => binding().fileUtimes(union, this.#file, a, m));
  }

  /** Data and attributes are on disk afterwards. */
  async sync(): Promise<void> {
    await this.#guard.run((union) => binding().fileSync(union, this.#file, false));
  }

  /** Data is on disk afterwards. */
  async datasync(): Promise<void> {
    await this.#guard.run((union) => binding().fileSync(union, this.#file, true));
  }

  /** A stream of the file's bytes. The handle stays open. */
  createReadStream({ start, end, signal }: ReadStreamOptions = {}): Readable {
    return Readable.from(this.#chunks(start, end), { objectMode: false, ...(signal ? { signal } : {}) });
  }

  async *#chunks(
    start: number | undefined,
    end = Number.MAX_SAFE_INTEGER,
  ): AsyncGenerator<Buffer, void, void> {
    for (let at = start ?? 0; at <= end; ) {
      const want = Math.min(CHUNK, end - at + 1);
      const { bytesRead, buffer } = await this.read(
        Buffer.allocUnsafe(want),
        0,
        want,
        start === undefined ? null : at,
      );
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** A stream that writes at the handle's own position. The handle stays open. */
  createWriteStream({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Writable {
    return new Writable({
      ...(signal ? { signal } : {}),
      write: (chunk: Buffer, _encoding, done) => {
        this.write(chunk).then(() => done(), done);
      },
    });
  }

  /** Closes the file, unless closing the union did. Calling it again returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // A union that is closed has closed its files.
    if (!this.#guard.closed) await this.#guard.run((union) => binding().fileClose(union, this.#file));
    this.emit('close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function slice(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  resolveInteger(offset, 'offset', 0, bytes.byteLength);
  resolveInteger(length, 'length', 0, bytes.byteLength - offset);
  return bytes.subarray(offset, offset + length);
}
