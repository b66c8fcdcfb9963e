// SPDX-License-Identifier: MIT
import type { Contender } from '../suite.ts';
import { archives } from './archives.ts';
import { foreign } from './foreign.ts';
import { ours } from './ours.ts';
import { plain } from './plain.ts';

const all: readonly Contender[] = [...plain, ...foreign, ...ours, ...archives];

/** @throws {RangeError} if there is none of that name: a mistake in a case. */
export function contender(name: string): Contender {
  const found = all.find((candidate) => candidate.name === name);
  if (found === undefined) throw new RangeError(`no contender is called '${name}'`);
  return found;
}
