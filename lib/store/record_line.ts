// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';

/** A line of a tar-split record: bytes as they are, or the data of a file of the layer. */
export type RecordPiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | {
      readonly kind: 'file';
      readonly name: string | Buffer;
      readonly size: number;
      /** CRC-64, 8 bytes; empty if it was not kept. */
      readonly crc: Buffer;
    };

/** `type` of tar-split's entries. */
const FILE = 1;
const SEGMENT = 2;

/**
 * Undefined for a line that stands for no bytes: a file without data.
 *
 * @throws {AufsError} `ERR_LAYER_CHANGED` if it is no such line.
 */
export function parseRecordLine(line: string, what: string): RecordPiece | undefined {
  const { type, name, name_raw: raw, size, payload } = parse(line, what);
  if (type === SEGMENT && typeof payload === 'string') {
    return payload === '' ? undefined : { kind: 'bytes', bytes: Buffer.from(payload, 'base64') };
  }
  if (type !== FILE) throw damaged(what);
  if (size === undefined || size === 0) return undefined;
  const bytes =
    typeof name === 'string' ? name : typeof raw === 'string' ? Buffer.from(raw, 'base64') : undefined;
  if (bytes === undefined || !Number.isSafeInteger(size) || bytes.includes('\0')) throw damaged(what);
  const crc = typeof payload === 'string' ? Buffer.from(payload, 'base64') : Buffer.alloc(0);
  return { kind: 'file', name: bytes, size: size as number, crc };
}

function parse(line: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // said below
  }
  throw damaged(what);
}

function damaged(what: string): AufsError {
  return new AufsError('ERR_LAYER_CHANGED', `${what}: its record holds a line that is none`, {
    hint: 'leave `exact` out to get an archive made anew',
  });
}
