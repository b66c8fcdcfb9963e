// SPDX-License-Identifier: MIT
import { Readable } from 'node:stream';
import type { ReadReport } from '../archive_binding.ts';
import { binding } from '../binding.ts';
import { archiveCall } from './archive_error.ts';
import { type ArchiveOptions, isDocker, resolveLatestTime } from './archive_options.ts';
import { CHUNK_SIZE } from './chunks.ts';
import { commitReady } from './commit_ready.ts';
import { exactChunks, type RecordedLayer } from './exact_archive.ts';
import type { Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import { oneAhead, reads } from './read_ahead.ts';

/**
 * The layer as a tar archive. Nothing is read before the stream is, and only a chunk ahead of what was taken.
 * The stream fails with what {@link archiveCall} throws, `signal.reason`, `ERR_LAYER_MOUNTED`, `ERR_NO_RECORD`.
 */
export function archiveLayer(layout: Layout, layer: Layer, options: ArchiveOptions): Readable {
  const { exact = false, signal } = options;
  const docker = isDocker(options.format);
  const latestTime = resolveLatestTime(options.latestTime);
  const chunks = exact
    ? exactChunks(recorded(layout, layer), options)
    : newChunks(layout, layer, docker, latestTime, options);
  return byteStream(chunks, signal);
}

/** What it takes to put together the archive of a layer of our own store. */
export function recorded(layout: Layout, { id, diffPath, diffId }: Layer): RecordedLayer {
  return { id, diffPath, diffId, recordPath: layout.recordFile(id) };
}

/** A stream of the chunks, which are not asked for before they are wanted. It fails with `signal.reason`. */
export function byteStream(chunks: AsyncIterable<Buffer>, signal: AbortSignal | undefined): Readable {
  const stream = Readable.from(chunks, { objectMode: false, highWaterMark: CHUNK_SIZE });
  if (signal !== undefined) destroyOnAbort(stream, signal);
  return stream;
}

/** Unlike addAbortSignal() it passes the reason on. */
function destroyOnAbort(stream: Readable, signal: AbortSignal): void {
  const stop = () => stream.destroy(asError(signal.reason));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', stop));
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

async function* newChunks(
  layout: Layout,
  layer: Layer,
  docker: boolean,
  latestTime: number | null,
  { sparse = false, onProgress }: ArchiveOptions,
): AsyncGenerator<Buffer, void, void> {
  await commitReady(layout, layer, 'archive');
  const what = `layer ${layer.id}`;
  const handle = await archiveCall(binding().produceOpen(layer.diffPath, docker, sparse, latestTime), what);
  const close = () => binding().produceClose(handle);
  yield* readChunks((into) => binding().produceRead(handle, into), close, what, onProgress);
}

/**
 * What `read` gives until it gives nothing, the next chunk being read while one is used.
 *
 * @param close - Called at the end, also if that comes early, when nothing is being read.
 */
export async function* readChunks(
  read: (into: Uint8Array) => Promise<ReadReport>,
  close: () => void,
  what: string,
  onProgress: ArchiveOptions['onProgress'],
): AsyncGenerator<Buffer, void, void> {
  let total = 0;
  try {
    for await (const { chunk, entries } of oneAhead(reads(read, what))) {
      total += chunk.length;
      onProgress?.({ bytes: total, entries, sourceBytes: total });
      yield chunk;
    }
  } finally {
    close();
  }
}
