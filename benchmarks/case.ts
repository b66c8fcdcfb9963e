// SPDX-License-Identifier: MIT
import type { Running } from './contender.ts';

/** One row of a table: what one round of one contender took. */
export interface Sample {
  /** Nanoseconds for everything. */
  readonly ns: number;
  /** How many operations that was. */
  readonly operations: number;
  /** Bytes that the operations were about; 0 where that means nothing. */
  readonly bytes: number;
}

/** Something to measure. */
export interface Case {
  readonly title: string;
  /** Name of the contender that ratios are told against. */
  readonly baseline: string;
  /** Contenders that make no sense here. */
  readonly without: readonly string[];
  /** How many lower branches it wants. */
  readonly depth: number;
  /** Makes the lower branches, given empty. */
  prepare(lowers: readonly string[]): void;
  /** Runs with the union freshly started, page and name caches dropped where that is possible; timed by itself. */
  measure(running: Running): Promise<Sample>;
}

/** The time that `work` takes. */
export async function timed(operations: number, bytes: number, work: () => unknown): Promise<Sample> {
  const before = process.hrtime.bigint();
  await work();
  return { ns: Number(process.hrtime.bigint() - before), operations, bytes };
}
