// SPDX-License-Identifier: MIT
import type { AgentProcess } from './agent_process.ts';
import type { Disks } from './disks.ts';
import type { Answer, Entry, Op, RecordedBranch } from './recording.ts';

/** Where a scenario plays. */
export interface Stage {
  readonly disks: Disks;
  /** Topmost first. */
  readonly branches: readonly RecordedBranch[];
  readonly options: string;
  readonly agent: AgentProcess;
}

/** What the scenarios are replayed on. */
export interface Engine {
  show(): Promise<Answer>;
  hide(): Promise<Answer>;
  run(op: Op): Promise<Answer>;
  /** The merged tree. */
  tree(): Promise<readonly Entry[]>;
}

/** An engine throws this for an operation that it does not have. */
export class NoSuchOperation extends Error {
  /** What follows cannot be compared. */
  readonly changes: boolean;

  constructor(why: string, changes: boolean) {
    super(why);
    this.changes = changes;
  }
}
