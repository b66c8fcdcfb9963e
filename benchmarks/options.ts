// SPDX-License-Identifier: MIT
import { parseArgs } from 'node:util';
import { backingNames } from './backing.ts';
import type { Suite } from './suite.ts';
import { suites } from './suites.ts';

/** The default of --time: for everything, and for each suite that is named. */
const ALL_MINUTES = 25;
const ONE_MINUTES = 6;

export const usage = `npm run bench -- NAME [OPTION]...

NAME is one of: ${suites.map(({ name }) => name).join(', ')}; none: all of them.

  --backing A,B   file systems to run on: ${backingNames.join(', ')}.
                  Loop images need root; here is the file system of $TMPDIR.
  --time MINUTES  how long it may take, about: ${ALL_MINUTES} by default, ${ONE_MINUTES} for each that is named
  --rounds N      exactly N rounds of everything instead of as many as fit in the time
  --case TEXT     only cases whose title has TEXT in it
  --quick         small files, one file system, one round: does it work at all? Nothing is saved.
  --no-save       write no file to benchmarks/results/
`;

export interface Options {
  readonly suites: readonly Suite[];
  /** Undefined: the suite's own as far as this user can have them. */
  readonly backings: readonly string[] | undefined;
  readonly minutes: number;
  readonly rounds: number | undefined;
  readonly filter: string;
  readonly quick: boolean;
  readonly save: boolean;
}

/** @throws {TypeError} for a command line that makes no sense. @returns undefined if help is asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      backing: { type: 'string' },
      time: { type: 'string' },
      rounds: { type: 'string' },
      case: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      'no-save': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const chosen = positionals.map((name) => {
    const suite = suites.find((candidate) => candidate.name === name);
    if (suite === undefined) throw new TypeError(`no benchmark is called '${name}'`);
    return suite;
  });
  const backings = values.backing?.split(',');
  const unknown = backings?.find((name) => !backingNames.includes(name));
  if (unknown !== undefined) throw new TypeError(`no backing is called '${unknown}'`);
  const rounds = wholeNumber('--rounds', values.rounds);
  const minutes = wholeNumber('--time', values.time);
  return {
    suites: chosen.length === 0 ? suites : chosen,
    backings,
    minutes: minutes ?? (chosen.length === 0 ? ALL_MINUTES : ONE_MINUTES * chosen.length),
    rounds: rounds ?? (values.quick ? 1 : undefined),
    filter: values.case,
    quick: values.quick,
    // Part of a run would stand under the name of a whole one.
    save: !values['no-save'] && !values.quick && values.case === '',
  };
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new TypeError(`Expected ${name} to be a positive integer, got ${text}`);
}
