// SPDX-License-Identifier: MIT

/**
 * What a case does to a tree, whoever serves it. Loops are inside, so that a mount is used through synchronous
 * `node:fs` calls and nothing else runs between them. Paths are relative to the root of the union.
 */
export interface View {
  /** Opens each file for reading and writing, writes its first byte, closes it. */
  firstWrite(paths: readonly string[]): void | Promise<void>;
  chmod(path: string, mode: number): void | Promise<void>;
  /** @returns how many of them exist. */
  stat(paths: readonly string[]): number | Promise<number>;
  /** Makes files of the fixture's archive. */
  unpack?(): void | Promise<void>;
  /** Makes an archive of the fixture's files, and throws it away. */
  pack?(): void | Promise<void>;
}

/** Directories for one contender; all exist, all but the lowers are empty at first. */
export interface Stack {
  /** Read-only branches, topmost first. Shared by all contenders. */
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly target: string;
  /** Unlike `upper` and `work` not emptied between rounds. */
  readonly scratch: string;
}

/** A union that is up. */
export interface Running {
  readonly view: View;
  /** Where a copied-up file is to be found; undefined where nothing is copied. */
  readonly copies: string | undefined;
  /** Nothing is mounted and no process is left afterwards. */
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** @throws Error whose message says why it cannot run here. */
  start(stack: Stack): Promise<Running>;
}

/** Lower branches on disk, built once per file system and used by all cases that name it. */
export interface Fixture {
  readonly name: string;
  /** Makes the branches in `directory`, which is empty. @returns them, topmost first. */
  build(directory: string): Promise<readonly string[]>;
}

/** Contenders that may be compared with each other, and the one that the others are divided by. */
export interface Group {
  readonly title: string;
  readonly baseline: string;
  readonly contenders: readonly string[];
}

export interface Case {
  readonly title: string;
  /** Cases of one series make one table, a column each. */
  readonly series?: { readonly title: string; readonly column: string };
  readonly fixture: Fixture;
  readonly groups: readonly Group[];
  /** Whether the union is made anew, on an empty writable branch, for every round. */
  readonly fresh: boolean;
  /** Whether the kernel's caches are dropped (as root) before every round. */
  readonly cold: boolean;
  /** Operations in one round; times are given per operation. */
  readonly operations: number;
  /** Bytes of file content that one round deals with; 0 where that means nothing. */
  readonly bytes: number;
  /** Once after each start, not timed. */
  warm?(view: View): void | Promise<void>;
  /** The timed part. */
  run(view: View): void | Promise<void>;
  /** Not timed: throws if the round did not do what it should have. `copies` as {@link Running.copies}. */
  verify?(copies: string): void;
  /** Not timed: bytes on disk of what was copied, where that is of interest. */
  stored?(copies: string): number;
}

/** What the cases of a suite are made with; travels to the workers. */
export interface Settings {
  readonly quick: boolean;
  /** Size of the big file in bytes. */
  readonly bigFile: number;
}

export interface Suite {
  readonly name: string;
  /** File systems to run on by default as root. */
  readonly backings: readonly string[];
  /** Printed below the tables. */
  readonly notes: readonly string[];
  cases(settings: Settings): readonly Case[];
}

/** One timed round. */
export interface Sample {
  readonly nanoseconds: number;
  /** Whether the contender copies at all; bytes per second mean nothing otherwise. */
  readonly copies: boolean;
  /** Cache flushes that the device saw meanwhile; undefined where there is no device of our own. */
  readonly flushes?: number | undefined;
  readonly stored?: number | undefined;
}
