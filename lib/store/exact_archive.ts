// SPDX-License-Identifier: MIT
import type { FileHandle } from 'node:fs/promises';
import type { AssembleHandle } from '../archive_binding.ts';
import { binding } from '../binding.ts';
import { AufsError, hasCode } from '../errors.ts';
import { archiveCall } from './archive_error.ts';
import type { ArchiveOptions } from './archive_options.ts';
import { Digester } from './digest.ts';
import { oneAhead, type Read, reads } from './read_ahead.ts';
import { parseRecordLine, type RecordPiece } from './record_line.ts';
import { damagedRecord, recordLines } from './record_lines.ts';
import { openRegularFile, UnfitFile } from './regular_file.ts';

/** A layer of whatever store, as far as putting its archive together takes. */
export interface RecordedLayer {
  /** What it is called. */
  readonly id: string;
  readonly diffPath: string;
  /** Its tar-split record; there need not be one. */
  readonly recordPath: string;
  /** `sha256:…` that the archive must have; undefined where that is not known. */
  readonly diffId: string | undefined;
}

/** So many bytes of a record are turned into pieces before the pieces are read. */
const TEXT_AT_ONCE = 64 * 1024;

/**
 * The archive that the layer was made of, put together from its record and its files. Every file's checksum and
 * at the end the digest of the whole prove it; the last chunk is held back until then. The next chunk is read while one is digested.
 *
 * @throws {AufsError} `ERR_NO_RECORD`, `ERR_LAYER_CHANGED`, `ERR_DIGEST`.
 */
export async function* exactChunks(
  layer: RecordedLayer,
  { onProgress }: Pick<ArchiveOptions, 'onProgress'>,
): AsyncGenerator<Buffer, void, void> {
  const what = `layer ${layer.id}`;
  await using record = await openRecord(layer, what);
  const handle = await archiveCall(binding().assembleOpen(layer.diffPath), what);
  const digester = new Digester();
  let held: Buffer | undefined;
  let bytes = 0;
  try {
    for await (const { chunk } of oneAhead(
      assemble(handle, recordLines(record, layer.recordPath, what), what),
    )) {
      digester.update(chunk);
      bytes += chunk.length;
      if (held !== undefined) yield held;
      onProgress?.({ bytes, entries: 0, sourceBytes: bytes });
      held = chunk;
    }
    checkDigest(layer, digester.digest());
    if (held !== undefined) yield held;
  } finally {
    binding().assembleClose(handle);
  }
}

async function openRecord({ id, recordPath }: RecordedLayer, what: string): Promise<FileHandle> {
  try {
    return await openRegularFile(recordPath);
  } catch (error) {
    if (error instanceof UnfitFile) throw damagedRecord(recordPath, what, error);
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new AufsError('ERR_NO_RECORD', `layer ${id} has no record of the archive it came from`, {
      hint: 'leave `exact` out to get an archive made anew; a record is kept of archives that are applied',
      id,
    });
  }
}

function checkDigest(layer: RecordedLayer, actual: string): void {
  const expected = layer.diffId;
  if (expected === undefined || expected === actual) return;
  throw new AufsError('ERR_DIGEST', `layer ${layer.id} gives the digest ${actual}, not ${expected}`, {
    hint: 'its record or its files were changed; get the layer anew',
    id: layer.id,
    expected,
    actual,
  });
}

async function* assemble(
  handle: AssembleHandle,
  lines: AsyncIterable<string>,
  what: string,
): AsyncGenerator<Read, void, void> {
  const read = (into: Uint8Array) => binding().assembleRead(handle, into);
  let size = 0;
  for await (const line of lines) {
    addPiece(handle, parseRecordLine(line, what));
    size += line.length;
    if (size < TEXT_AT_ONCE) continue;
    yield* reads(read, what);
    size = 0;
  }
  yield* reads(read, what);
}

function addPiece(handle: AssembleHandle, piece: RecordPiece | undefined): void {
  if (piece === undefined) return;
  if (piece.kind === 'bytes') binding().assembleBytes(handle, piece.bytes);
  else binding().assembleFile(handle, piece.name, piece.size, piece.crc);
}
