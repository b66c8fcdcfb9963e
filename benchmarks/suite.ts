// SPDX-License-Identifier: MIT

/**
 * What a case does to a tree, whoever serves it. Loops are inside, so that a mount is used through synchronous
 * `node:fs` calls and nothing else runs between them. Paths are relative to the root of the union.
 */
export interface View {
  /** Where the kernel serves the tree, for programs; undefined where it is not mounted. */
  readonly root?: string;
  /** Opens each file for reading and writing, writes its first byte, closes it. */
  firstWrite(paths: readonly string[]): void | Promise<void>;
  chmod(path: string, mode: number): void | Promise<void>;
  /** @returns how many of them exist. */
  stat(paths: readonly string[]): number | Promise<number>;
  /** Makes files of the fixture's archive. */
  unpack?(): void | Promise<void>;
  /** Makes an archive of the fixture's files, and throws it away. */
  pack?(): void | Promise<void>;
  /** Looks for what the container changed of its image. @returns how many entries. */
  changes?(): number | Promise<number>;
  /** @returns bytes of the container's own files. */
  diffSize?(): number | Promise<number>;
  /** Makes that many layers on the fixture's image, which then are there all the time. */
  keepLayers?(count: number): Promise<void>;
  /** Makes and mounts that many containers of the fixture's image at once. */
  makeContainers?(count: number): Promise<void>;
  /** Unmounts and removes what {@link makeContainers} made. */
  removeContainers?(): Promise<void>;
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
  /** Where it is mounted by a server, and only then: by this the server's processes are known. */
  readonly served?: string;
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

/** What a sample is: a time, also of starting and stopping the union, or memory of the server after the work. */
export type Measure = 'time' | 'mount' | 'memory';

/** What a case is called, and what its numbers are. Plain data: kept with the results. */
export interface CaseFacts {
  /** Short, the same for all sizes, no other's in the suite: `find-cold`. */
  readonly id: string;
  readonly title: string;
  /** Cases of one series make one table, a column each. */
  readonly series?: { readonly title: string; readonly column: string };
  readonly groups: readonly Group[];
  /** Operations in one round; times are given per operation. */
  readonly operations: number;
  /** Bytes of file content that one round deals with; 0 where that means nothing. */
  readonly bytes: number;
  /** Default: time. */
  readonly measure?: Measure;
}

export interface Case extends CaseFacts {
  readonly fixture: Fixture;
  /** Whether the union is made anew, on an empty writable branch, for every round. */
  readonly fresh: boolean;
  /** Whether the kernel's caches are dropped (as root) before every round. */
  readonly cold: boolean;
  /** Once after each start, not timed. */
  warm?(view: View): void | Promise<void>;
  /** Before each round, not timed. */
  before?(view: View): void | Promise<void>;
  /** The timed part. */
  run(view: View): void | Promise<void>;
  /** After each round, not timed. */
  after?(view: View): void | Promise<void>;
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
  /** Its share of the time when several run. */
  readonly weight: number;
  /** Printed below the tables. */
  readonly notes: readonly string[];
  cases(settings: Settings): readonly Case[];
}

/** One round. */
export interface Sample {
  /** Nanoseconds, or bytes if the case measures memory. */
  readonly value: number;
  /** Whether the contender copies at all; bytes per second mean nothing otherwise. */
  readonly copies: boolean;
  /** Cache flushes that the device saw meanwhile; undefined where there is no device of our own. */
  readonly flushes?: number | undefined;
  readonly stored?: number | undefined;
}
