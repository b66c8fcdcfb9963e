// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';
import { inspect } from 'node:util';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants;

const WORDS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  'w+': O_TRUNC | O_CREAT | O_RDWR,
  'wx+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  'a+': O_APPEND | O_CREAT | O_RDWR,
  'ax+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'as+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
};

/**
 * Flags of open(2) from what `node:fs` takes: a word such as `'w+'`, or a number.
 *
 * @throws {TypeError} if it is neither.
 */
export function resolveOpenFlags(flags: string | number): number {
  const number = typeof flags === 'number' ? flags : WORDS[flags];
  if (number === undefined || !Number.isInteger(number)) {
    throw new TypeError(
      `Expected flags to be a number or one of ${Object.keys(WORDS).join(', ')}, got ${inspect(flags)}`,
    );
  }
  return number;
}
