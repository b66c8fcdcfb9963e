// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { toBytes } from './recording.ts';

const BLOCK = 64 * 1024;

/** Bytes of a `content` or `data` of a scenario: a text, {fill, len} or {prng, len}. */
export function contentBytes(value: unknown): Buffer {
  if (typeof value === 'string') return toBytes(value);
  const { fill, prng, len } = value as {
    readonly fill?: string;
    readonly prng?: number;
    readonly len: number;
  };
  if (fill !== undefined) return Buffer.alloc(len, toBytes(fill));
  const block = Buffer.concat(
    Array.from({ length: 2048 }, (_, i) => createHash('sha256').update(`${prng}:${i}`).digest()),
  );
  const all = Buffer.alloc(Math.ceil(len / BLOCK) * BLOCK);
  for (let k = 0; k * BLOCK < len; k++) {
    block.copy(all, k * BLOCK);
    all.writeBigUInt64BE(BigInt(k), k * BLOCK);
  }
  return all.subarray(0, len);
}
