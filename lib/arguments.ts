// SPDX-License-Identifier: MIT
import { Buffer } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

/** A path inside a union: relative ones start at its root too. A URL is a `file:` URL. Bytes need not be UTF-8. */
export type UnionPath = string | Uint8Array | URL;

/**
 * Brings a path to the form that native code takes.
 *
 * @throws {TypeError} for anything that is not a path, or has a NUL byte in it.
 */
export function resolvePath(path: UnionPath, what = 'path'): string | Uint8Array {
  const plain = path instanceof URL ? fileURLToPath(path) : path;
  if (typeof plain !== 'string' && !(plain instanceof Uint8Array)) {
    throw new TypeError(`Expected ${what} to be a string, Uint8Array or URL, got ${inspect(plain)}`);
  }
  if (typeof plain === 'string' ? plain.includes('\0') : plain.includes(0)) {
    throw new TypeError(`Expected ${what} without NUL bytes, got ${inspect(plain)}`);
  }
  return plain;
}

/** Time as node:fs takes it: seconds, a Date, or (exactly) nanoseconds as bigint. */
export type TimeInput = number | string | bigint | Date;

/**
 * @returns nanoseconds since the epoch.
 * @throws {TypeError} if it is no time.
 */
export function resolveTime(time: TimeInput, what: string): bigint {
  if (typeof time === 'bigint') return time;
  if (time instanceof Date && Number.isFinite(time.getTime())) return BigInt(time.getTime()) * 1_000_000n;
  const seconds = typeof time === 'string' && time.trim() !== '' ? Number(time) : time;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
    throw new TypeError(
      `Expected ${what} to be a number of seconds, a Date or bigint nanoseconds, got ${inspect(time)}`,
    );
  }
  const whole = Math.floor(seconds);
  return BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * 1e9));
}

/**
 * A mode as node:fs takes it: a number, or octal digits.
 *
 * @throws {TypeError} or RangeError if it is none.
 */
export function resolveMode(mode: number | string, what = 'mode'): number {
  const value = typeof mode === 'string' && /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof value !== 'number')
    throw new TypeError(`Expected ${what} to be a number or octal digits, got ${inspect(mode)}`);
  return resolveInteger(value, what, 0, 0xffff_ffff);
}

/**
 * @throws {TypeError} if `value` is no number, RangeError if it is no integer from `min` to `max`.
 */
export function resolveInteger(
  value: number,
  what: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number')
    throw new TypeError(`Expected ${what} to be a number, got ${inspect(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`Expected ${what} to be an integer from ${min} to ${max}, got ${value}`);
  }
  return value;
}

/** Bytes of what `writeFile` and its kin take at once. */
export function resolveData(data: string | ArrayBufferView, encoding: BufferEncoding): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError(`Expected data to be a string or bytes, got ${inspect(data)}`);
}
