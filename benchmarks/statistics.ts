// SPDX-License-Identifier: MIT
import type { Sample } from './suite.ts';

/** What the rounds of one contender come to: nanoseconds per operation, or bytes. */
export interface Summary {
  readonly median: number;
  /** Half the range of the samples, as a share of the median. */
  readonly spread: number;
  readonly samples: readonly number[];
  readonly copies: boolean;
  readonly stored: number | undefined;
  /** Median of the cache flushes per operation: what tells a copy that is on disk from one that is not. */
  readonly flushes: number | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** `samples` has at least one. */
export function summarize(samples: readonly Sample[], operations: number): Summary {
  const times = samples.map(({ value }) => value / operations);
  const middle = median(times);
  const flushes = samples.flatMap((sample) =>
    sample.flushes === undefined ? [] : [sample.flushes / operations],
  );
  return {
    median: middle,
    spread: (Math.max(...times) - Math.min(...times)) / 2 / middle,
    samples: times,
    copies: samples[0]?.copies ?? false,
    stored: samples.at(-1)?.stored,
    flushes: flushes.length === samples.length ? median(flushes) : undefined,
  };
}
