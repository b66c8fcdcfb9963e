// SPDX-License-Identifier: MIT

/** `yes`: works. `no`: does not, and something is lost by it. `optional`: does not, and little is lost. */
export type Verdict = 'yes' | 'no' | 'optional';

/** One thing that this machine can or cannot do for this user. */
export interface Check {
  /** Stable, for programs. */
  readonly name: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** What was seen. */
  readonly found: string;
  /** How to get it, where it is missing. */
  readonly cure?: string;
}

/** The result of a look, without the parts that say what was looked for. */
export type Finding = Pick<Check, 'verdict' | 'found' | 'cure'>;

export function yes(found: string): Finding {
  return { verdict: 'yes', found };
}

export function no(found: string, cure: string): Finding {
  return { verdict: 'no', found, cure };
}

export function optional(found: string, cure?: string): Finding {
  return { verdict: 'optional', found, ...(cure === undefined ? {} : { cure }) };
}
