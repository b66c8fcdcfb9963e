// SPDX-License-Identifier: MIT
import type { Case } from './case.ts';
import { copyUpCases } from './cases/copy_up.ts';
import { lookupCases } from './cases/lookup.ts';

/** Names for the command line. */
export const SETS = ['copy-up', 'lookup'] as const;

/** The cases of a set. `place` is where the branches are. @throws if there is no such set. */
export function casesOf(set: string, quick: boolean, place: string): Case[] {
  switch (set) {
    case 'copy-up':
      return copyUpCases(quick, place);
    case 'lookup':
      return lookupCases(quick);
    default:
      throw new Error(`unknown benchmark '${set}'; known: ${SETS.join(', ')}`);
  }
}
