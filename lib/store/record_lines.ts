// SPDX-License-Identifier: MIT
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AufsError } from '../errors.ts';

const TEXT_AT_ONCE = 64 * 1024;

/**
 * The longest line, in characters: 48 MiB of an archive. What stands between the data of two files is a header or two, or what is left at the
 * end; we cut it at 1 MiB, as newer Dockers do.
 */
export const LONGEST_LINE = 64 * 2 ** 20;

/**
 * The lines of a record, which is open and stays so, as text.
 *
 * @throws {AufsError} `ERR_LAYER_CHANGED` if its compressed data are damaged, or a line is longer than `longest`.
 */
export async function* recordLines(
  file: FileHandle,
  path: string,
  what: string,
  longest = LONGEST_LINE,
): AsyncGenerator<string, void, void> {
  const source = file.createReadStream({ autoClose: false });
  const text = pipeline(source, createGunzip({ chunkSize: TEXT_AT_ONCE }), () => {});
  try {
    yield* linesOf(text.setEncoding('utf8'), longest);
  } catch (cause) {
    if (!(cause instanceof RangeError) && !isZlibError(cause)) throw cause;
    throw damagedRecord(path, what, cause);
  }
}

/** @throws {RangeError} Nothing is read on then. */
async function* linesOf(chunks: AsyncIterable<string>, longest: number): AsyncGenerator<string, void, void> {
  // Joined once, when it is whole: a line may come in many chunks.
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    for (const [i, piece] of chunk.split('\n').entries()) {
      if (i > 0) {
        yield pieces.join('');
        pieces = [];
        length = 0;
      }
      pieces.push(piece);
      length += piece.length;
      if (length > longest) throw new RangeError(`it has a line of more than ${longest} characters`);
    }
  }
  if (length > 0) yield pieces.join('');
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && /^Z_/.test((error as NodeJS.ErrnoException).code ?? '');
}

export function damagedRecord(path: string, what: string, cause: Error): AufsError {
  return new AufsError('ERR_LAYER_CHANGED', `${what}: its record ${path} is damaged: ${cause.message}`, {
    hint: 'leave `exact` out to get an archive made anew',
    path,
    cause,
  });
}
