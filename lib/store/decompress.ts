// SPDX-License-Identifier: MIT
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { AufsError } from '../errors.ts';
import { CHUNK_SIZE } from './chunks.ts';
import { unzstd } from './unzstd.ts';

type Decoder = (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

interface Compression {
  readonly name: string;
  readonly magic: readonly number[];
  /** Undefined where nobody here can. */
  readonly decoder: Decoder | undefined;
  readonly hint: string;
}

/** Newer versions of Node have it: 22.15, 23.8 and later. It is quicker than ours, and off this thread. */
const { createZstdDecompress } = zlib as typeof zlib & {
  readonly createZstdDecompress?: (options: { readonly chunkSize: number }) => Transform;
};

const KNOWN: readonly Compression[] = [
  {
    name: 'gzip',
    magic: [0x1f, 0x8b],
    decoder: transforming('gzip', () => zlib.createGunzip({ chunkSize: CHUNK_SIZE })),
    hint: '',
  },
  {
    name: 'zstd',
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    decoder:
      createZstdDecompress === undefined
        ? unzstd
        : transforming('zstd', () => createZstdDecompress({ chunkSize: CHUNK_SIZE })),
    hint: '',
  },
  {
    name: 'xz',
    magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
    decoder: undefined,
    hint: 'decompress it first: xz -dc FILE | …',
  },
  {
    name: 'bzip2',
    magic: [0x42, 0x5a, 0x68],
    decoder: undefined,
    hint: 'decompress it first: bzip2 -dc FILE | …',
  },
];

const LONGEST_MAGIC = Math.max(...KNOWN.map(({ magic }) => magic.length));

/**
 * The archive that `source` holds, decompressed if its first bytes say that it is gzip or zstd.
 *
 * @throws {AufsError} `ERR_UNSUPPORTED` for a compression that is none of these, `ERR_ARCHIVE` if the
 * compressed data are damaged or cut off.
 */
export async function* decompressed(
  source: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  const { head, rest } = await split(source, LONGEST_MAGIC);
  const compression = KNOWN.find(({ magic }) => magic.every((byte, i) => head[i] === byte));
  if (compression === undefined) yield* rest;
  else yield* decode(rest, compression);
}

/** The first bytes, and everything including them. */
async function split(
  source: AsyncGenerator<Uint8Array, void, void>,
  size: number,
): Promise<{ readonly head: Uint8Array; readonly rest: AsyncGenerator<Uint8Array, void, void> }> {
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const next = await source.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* first;
      yield* source;
    } finally {
      await source.return();
    }
  }
  return { head: Buffer.concat(first).subarray(0, size), rest: all() };
}

async function* decode(
  source: AsyncGenerator<Uint8Array, void, void>,
  { name, decoder, hint }: Compression,
): AsyncGenerator<Uint8Array, void, void> {
  if (decoder === undefined) {
    await source.return();
    throw new AufsError('ERR_UNSUPPORTED', `cannot read an archive that is compressed with ${name}`, {
      hint,
    });
  }
  yield* decoder(source);
}

/** A decoder of Node. What is wrong with the data is `ERR_ARCHIVE`. */
function transforming(name: string, create: () => Transform): Decoder {
  return async function* (source) {
    // pipeline() ends both when one ends; what went wrong comes out of the transform.
    const transform = pipeline(Readable.from(source, { objectMode: false }), create(), () => {});
    try {
      for await (const chunk of transform) yield chunk as Uint8Array;
    } catch (cause) {
      throw isDecoderError(cause)
        ? new AufsError(
            'ERR_ARCHIVE',
            `the archive's ${name} data are damaged or cut off: ${cause.message}`,
            {
              hint: 'get the archive anew',
              cause,
            },
          )
        : cause;
    }
  };
}

function isDecoderError(error: unknown): error is Error {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && /^(Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD)/.test(code);
}
