// SPDX-License-Identifier: MIT
import type { Sample, Settings } from './suite.ts';

/** What a worker is for; the first argument of its process, as JSON. */
export interface Job {
  readonly suite: string;
  /** Of the case. */
  readonly id: string;
  readonly contender: string;
  readonly settings: Settings;
  /** The worker's own, on the file system that is tested. */
  readonly directory: string;
  readonly lowers: readonly string[];
  /** Name of the block device below, if nobody else uses it: `loop0`. */
  readonly device: string | undefined;
}

export type Request = 'round' | 'end';

/** Answers a request: a sample for a round, nothing for an end. The first one, unasked, says that the worker is ready. */
export interface Reply {
  readonly sample?: Sample | undefined;
  /** Why it could not be done; one line. */
  readonly failure?: string | undefined;
}
