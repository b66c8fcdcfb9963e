// SPDX-License-Identifier: MIT
import { Decompress } from 'fzstd';
import { AufsError } from '../errors.ts';
import type { ByteSource } from './chunks.ts';

/** One block of 128 KiB can take 4 bytes: so little goes in at a time that what comes out fits into memory. */
const BITE = 1024;

/**
 * Undoes zstd where Node cannot (before 22.15), on this thread and slower. Checksums in the data are passed over.
 *
 * @throws {AufsError} `ERR_ARCHIVE` if they are damaged or cut off.
 */
export async function* unzstd(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
  let blocks: Uint8Array[] = [];
  const decoder = new Decompress((block) => {
    if (block.length > 0) blocks.push(block);
  });
  const push = (bytes: Uint8Array, last: boolean): Uint8Array[] => {
    blocks = [];
    try {
      decoder.push(bytes, last);
    } catch (cause) {
      throw damaged(cause);
    }
    return blocks;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += BITE) yield* push(chunk.subarray(at, at + BITE), false);
  }
  yield* push(new Uint8Array(0), true);
}

/** The decoder throws whatever its arithmetic runs into. */
function damaged(cause: unknown): AufsError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new AufsError('ERR_ARCHIVE', `the archive's zstd data are damaged or cut off: ${why}`, {
    hint: 'get the archive anew',
    cause,
  });
}
