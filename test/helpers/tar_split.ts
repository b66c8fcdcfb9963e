// SPDX-License-Identifier: MIT
// What tar-split keeps of an archive, written from the description of its format and with none of the code under test.
import { gzipSync } from 'node:zlib';

const BLOCK = 512;
const POLYNOMIAL = 0xd800000000000000n;

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
  return value;
});

const ONES = 0xffffffffffffffffn;

/** CRC-64 with the ISO polynomial, most significant byte first. */
function crc64(data: Uint8Array): Buffer {
  let crc = ONES;
  for (const byte of data) crc = (crc >> 8n) ^ (TABLE[Number(crc & 0xffn) ^ byte] ?? 0n);
  const sum = Buffer.alloc(8);
  sum.writeBigUInt64BE(crc ^ ONES);
  return sum;
}

interface Entry {
  /** Where its first header begins, extended ones included. */
  readonly begin: number;
  /** Where its data begin. */
  readonly data: number;
  readonly size: number;
  readonly name: string;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? field.length : end).toString('utf8');
}

/** Records of a PAX header: `LENGTH KEY=VALUE\n`. */
function paxRecords(data: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length; ) {
    const blank = data.indexOf(' ', at);
    const length = Number(data.subarray(at, blank).toString());
    const record = data.subarray(blank + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/** The entries of an archive, and where the headers of the last one's successor would begin. */
function entriesOf(archive: Buffer): { readonly entries: readonly Entry[]; readonly end: number } {
  const entries: Entry[] = [];
  let begin = 0;
  let next: { name?: string | undefined; size?: number } = {};
  let at = 0;
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const type = String.fromCharCode(header[156] ?? 0);
    const own = Number.parseInt(text(header.subarray(124, 136)).trim() || '0', 8);
    const data = at + BLOCK;
    const after = (size: number) => data + Math.ceil(size / BLOCK) * BLOCK;
    const content = archive.subarray(data, data + own);
    if (type === 'x') {
      const records = paxRecords(content);
      const size = records.get('size');
      next = { name: records.get('path'), ...(size === undefined ? {} : { size: Number(size) }) };
      at = after(own);
    } else if (type === 'L' || type === 'K' || type === 'g') {
      if (type === 'L') next = { ...next, name: text(content) };
      at = after(own);
    } else {
      const prefix =
        header.subarray(257, 263).toString() === 'ustar\0' ? text(header.subarray(345, 500)) : '';
      const name = `${prefix === '' ? '' : `${prefix}/`}${text(header.subarray(0, 100))}`;
      const size = next.size ?? own;
      entries.push({ begin, data, size, name: next.name ?? name });
      next = {};
      at = after(size);
      // Padding belongs to what comes after the data.
      begin = data + size;
    }
  }
  return { entries, end: begin };
}

/** `tar-split.json.gz` of an archive. */
export function tarSplit(archive: Buffer): Buffer {
  const lines: string[] = [];
  const add = (entry: Record<string, unknown>) =>
    lines.push(`${JSON.stringify({ ...entry, position: lines.length })}\n`);
  const segment = (bytes: Buffer) => add({ type: 2, payload: bytes.toString('base64') });
  const { entries, end } = entriesOf(archive);
  for (const { begin, data, size, name } of entries) {
    segment(archive.subarray(begin, data));
    if (size === 0) add({ type: 1, name, payload: null });
    else {
      const payload = crc64(archive.subarray(data, data + size)).toString('base64');
      add({ type: 1, name, size, payload });
    }
  }
  segment(archive.subarray(end, end + 1024));
  segment(archive.subarray(end + 1024));
  return gzipSync(lines.join(''));
}
