// SPDX-License-Identifier: MIT
import type { Contender } from '../suite.ts';
import { archives } from './archives.ts';
import { containers } from './containers.ts';
import { foreign } from './foreign.ts';
import { imageTools } from './image_tools.ts';
import { ours } from './ours.ts';
import { plain } from './plain.ts';

const all: readonly Contender[] = [...plain, ...foreign, ...ours, ...archives, ...imageTools, ...containers];

/** @throws {RangeError} if there is none of that name: a mistake in a case. */
export function contender(name: string): Contender {
  const found = all.find((candidate) => candidate.name === name);
  if (found === undefined) throw new RangeError(`no contender is called '${name}'`);
  return found;
}
