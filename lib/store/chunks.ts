// SPDX-License-Identifier: MIT
import { Readable } from 'node:stream';

/** Bytes in pieces: a stream of Node or of the web, or anything that can be iterated. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** What is handed to native code at once: enough that crossing costs nothing, little enough to call it off soon. */
export const CHUNK_SIZE = 256 * 1024;

/** What is applied at once: so much that the threads that take turns at it seldom have to. */
const BATCH_SIZE = 2 * 1024 * 1024;

/**
 * The chunks of `source`, which is let go (a stream is destroyed) when they are not wanted any more. Rejects as
 * soon as `signal` is aborted, even if the source never comes up with another chunk.
 *
 * @throws `signal.reason`.
 * @throws {TypeError} if a chunk is no Uint8Array.
 */
export async function* abortable(
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const iterator = iterate(source);
  let done = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await unlessAborted(Promise.resolve(iterator.next()), signal);
      if (next.done === true) {
        done = true;
        return;
      }
      yield checkChunk(next.value);
    }
  } finally {
    if (!done) letGo(source, iterator);
  }
}

function checkChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`Expected the archive in chunks of Uint8Array, got ${typeof chunk}`);
}

type ChunkIterator = AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

function iterate(source: ByteSource): ChunkIterator {
  if (isWebStream(source)) return readWebStream(source);
  if (source instanceof Readable && !source.readableObjectMode) return inLargeReads(source);
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

/**
 * A stream reads ahead no more than its high-water mark, a file 64 KiB unless it was told otherwise: each piece would cost a turn of the event loop,
 * and nothing would be read while a digest is taken. Asking for more raises the mark, for good.
 */
async function* inLargeReads(source: Readable): AsyncGenerator<Uint8Array, void, void> {
  const first: Uint8Array | null = source.read(BATCH_SIZE);
  if (first !== null) yield first;
  yield* source;
}

/** Its own iterator would end it only after the chunk that is being waited for. */
function readWebStream(source: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  const reader = source.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      if (!done) return { done, value };
      reader.releaseLock();
      return { done, value: undefined };
    },
    return: async () => {
      await reader.cancel();
      reader.releaseLock();
      return { done: true, value: undefined };
    },
  };
}

function isWebStream(source: ByteSource): source is ByteSource & ReadableStream<Uint8Array> {
  return 'getReader' in source && typeof source.getReader === 'function';
}

/**
 * Ends a source that is not wanted (any more): a stream is destroyed or cancelled, a generator returned. Not waited for: the end may
 * never come.
 */
export function letGo(source: ByteSource, iterator: ChunkIterator | undefined = unread(source)): void {
  if (source instanceof Readable) source.once('error', () => {}).destroy();
  else void end(iterator).catch(() => {});
}

/** What ends a source that nobody has begun to read here: a generator is its own iterator, and of a web stream we make one. */
function unread(source: ByteSource): ChunkIterator | undefined {
  if (isWebStream(source)) return source.locked ? undefined : readWebStream(source);
  return 'next' in source ? (source as ChunkIterator) : undefined;
}

async function end(iterator: ChunkIterator | undefined): Promise<void> {
  await iterator?.return?.();
}

/**
 * Runs `work`, which reads `source`, and lets it go if that fails, be it before a byte was read. A stream that fails while nobody
 * reads it yet, as one of a file that is not there does, ends the work rather than the process.
 */
export async function reading<T>(source: ByteSource, work: () => Promise<T>): Promise<T> {
  // Whoever reads it is told.
  if (source instanceof Readable) source.on('error', () => {});
  try {
    return await work();
  } catch (error) {
    letGo(source);
    throw error;
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** The chunks, none longer than {@link CHUNK_SIZE}. */
export async function* inPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of chunks) {
    if (chunk.length <= CHUNK_SIZE) yield chunk;
    else for (let at = 0; at < chunk.length; at += CHUNK_SIZE) yield chunk.subarray(at, at + CHUNK_SIZE);
  }
}

/** Chunks in lists of {@link BATCH_SIZE} bytes or a little more. */
export async function* inBatches(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Uint8Array[], void, void> {
  let batch: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    batch.push(chunk);
    size += chunk.length;
    if (size < BATCH_SIZE) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  if (size > 0) yield batch;
}

/** Copies of the chunks: whoever makes them may use their memory again. */
export async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  // Not slice(): a Buffer's shares its memory.
  for await (const chunk of chunks) yield new Uint8Array(chunk);
}
