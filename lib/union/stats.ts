// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';

/** Positions in the array that native code gives; see `Binding` in `binding.ts`. */
const FIELD = {
  dev: 0,
  mode: 1,
  nlink: 2,
  uid: 3,
  gid: 4,
  rdev: 5,
  blksize: 6,
  ino: 7,
  size: 8,
  blocks: 9,
  atime: 10,
  mtime: 11,
  ctime: 12,
  birthtime: 13,
} as const;

const NS_PER_S = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;

/** What both forms of attributes have: the questions about the type, and the times as dates. */
abstract class FileStats<N extends number | bigint> {
  abstract readonly dev: N;
  abstract readonly ino: N;
  abstract readonly mode: N;
  abstract readonly nlink: N;
  abstract readonly uid: N;
  abstract readonly gid: N;
  abstract readonly rdev: N;
  abstract readonly size: N;
  abstract readonly blksize: N;
  abstract readonly blocks: N;
  abstract readonly atimeMs: N;
  abstract readonly mtimeMs: N;
  abstract readonly ctimeMs: N;
  abstract readonly birthtimeMs: N;

  get atime(): Date {
    return new Date(Math.round(Number(this.atimeMs)));
  }
  get mtime(): Date {
    return new Date(Math.round(Number(this.mtimeMs)));
  }
  get ctime(): Date {
    return new Date(Math.round(Number(this.ctimeMs)));
  }
  get birthtime(): Date {
    return new Date(Math.round(Number(this.birthtimeMs)));
  }

  isFile(): boolean {
    return this.#is(constants.S_IFREG);
  }
  isDirectory(): boolean {
    return this.#is(constants.S_IFDIR);
  }
  isSymbolicLink(): boolean {
    return this.#is(constants.S_IFLNK);
  }
  isFIFO(): boolean {
    return this.#is(constants.S_IFIFO);
  }
  isSocket(): boolean {
    return this.#is(constants.S_IFSOCK);
  }
  isCharacterDevice(): boolean {
    return this.#is(constants.S_IFCHR);
  }
  isBlockDevice(): boolean {
    return this.#is(constants.S_IFBLK);
  }

  #is(type: number): boolean {
    return (Number(this.mode) & constants.S_IFMT) === type;
  }
}

/** Attributes of a file of a union, shaped like `fs.Stats`. Times are milliseconds, with fractions. */
export class Stats extends FileStats<number> {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  /** @internal */
  constructor(fields: BigInt64Array) {
    super();
    const number = (index: number) => Number(fields[index] ?? 0n);
    // In two parts, as node:fs does it: nanoseconds since 1970 are more than a number holds exactly.
    const milliseconds = (index: number) => {
      const nanoseconds = fields[index] ?? 0n;
      return Number(nanoseconds / NS_PER_S) * 1e3 + Number(nanoseconds % NS_PER_S) / 1e6;
    };
    this.dev = number(FIELD.dev);
    this.ino = number(FIELD.ino);
    this.mode = number(FIELD.mode);
    this.nlink = number(FIELD.nlink);
    this.uid = number(FIELD.uid);
    this.gid = number(FIELD.gid);
    this.rdev = number(FIELD.rdev);
    this.size = number(FIELD.size);
    this.blksize = number(FIELD.blksize);
    this.blocks = number(FIELD.blocks);
    this.atimeMs = milliseconds(FIELD.atime);
    this.mtimeMs = milliseconds(FIELD.mtime);
    this.ctimeMs = milliseconds(FIELD.ctime);
    this.birthtimeMs = milliseconds(FIELD.birthtime);
  }
}

/** The same shaped like `fs.BigIntStats`: exact, with times in nanoseconds too. */
export class BigIntStats extends FileStats<bigint> {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly birthtimeMs: bigint;

  /** @internal */
  constructor(fields: BigInt64Array) {
    super();
    const bigint = (index: number) => fields[index] ?? 0n;
    this.dev = bigint(FIELD.dev);
    this.ino = bigint(FIELD.ino);
    this.mode = bigint(FIELD.mode);
    this.nlink = bigint(FIELD.nlink);
    this.uid = bigint(FIELD.uid);
    this.gid = bigint(FIELD.gid);
    this.rdev = bigint(FIELD.rdev);
    this.size = bigint(FIELD.size);
    this.blksize = bigint(FIELD.blksize);
    this.blocks = bigint(FIELD.blocks);
    this.atimeNs = bigint(FIELD.atime);
    this.mtimeNs = bigint(FIELD.mtime);
    this.ctimeNs = bigint(FIELD.ctime);
    this.birthtimeNs = bigint(FIELD.birthtime);
    this.atimeMs = this.atimeNs / NS_PER_MS;
    this.mtimeMs = this.mtimeNs / NS_PER_MS;
    this.ctimeMs = this.ctimeNs / NS_PER_MS;
    this.birthtimeMs = this.birthtimeNs / NS_PER_MS;
  }
}
