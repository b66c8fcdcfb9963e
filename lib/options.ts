// SPDX-License-Identifier: MIT
import { inspect } from 'node:util';
import { AufsError } from './errors.ts';

/**
 * What may be done to a branch, in AUFS's words; see aufs(5), "Branch Syntax". Attributes follow with a `+`: `wh`, `nolwh`,
 * `coo_reg`, `coo_all` count; `moo`, `fhsm`, `icex…` are accepted and mean nothing here.
 */
export type BranchMode = 'rw' | 'ro' | 'rr' | 'ro+wh' | 'rr+wh' | `${'rw' | 'ro' | 'rr'}+${string}`;

/** A directory in the stack. */
export interface Branch {
  readonly path: string;
  /**
   * `rw`: can be written. `ro`: is not written by the union. `rr`: never changes at all. `+wh`: whiteouts found in it
   * hide what lies below (an `rw` branch always has that).
   * @default 'rw' for the topmost branch, 'ro+wh' for the others
   */
  readonly mode: BranchMode;
}

/** A branch as a caller may give it: a path alone, or with its mode. */
export type BranchInput = string | { readonly path: string; readonly mode?: BranchMode | undefined };

/** Where new entries go when several branches are writable; see aufs(5), "Policies to Select One among Multiple Writable Branches". */
export type CreatePolicy =
  | 'tdp'
  | 'rr'
  | 'mfs'
  | `mfs:${number}`
  | `mfsrr:${string}`
  | `tdmfs:${string}`
  | 'pmfs'
  | `pmfs:${number}`
  | `pmfsrr:${string}`;

/** What unions and mounts have in common. */
export interface StackOptions {
  /**
   * The branch for a new entry: `tdp` the topmost that has the directory (or the next writable above it); `rr` each in turn;
   * `mfs[:SECONDS]` most free space; `mfsrr:BYTES[:SECONDS]` that until it has less than BYTES, then in turn;
   * `tdmfs:BYTES[:SECONDS]` the topmost with more than BYTES; `pmfs[:SECONDS]` most free space of those that have the
   * directory; `pmfsrr:BYTES[:SECONDS]` that until it has less than BYTES, then `mfsrr`.
   * @default 'tdp'
   */
  readonly createPolicy?: CreatePolicy | undefined;
  /**
   * The branch that a file is copied up to: `tdp` the topmost that has the directory, `bup` the nearest above the file that has it,
   * `bu` the nearest above the file.
   * @default 'tdp'
   */
  readonly copyUpPolicy?: 'tdp' | 'bup' | 'bu' | undefined;
  /**
   * Whether branches are changed by others than the union (AUFS: user's direct branch access). `none`: they are not; everything is
   * cached, and another's change of names is noticed a second late or, in a mount, when the kernel has forgotten them. `reval`, `notify`: they may be, and every use looks at the branches first; nothing is cached.
   * @default 'none'
   */
  readonly udba?: 'none' | 'reval' | 'notify' | undefined;
  /** `w`: a new directory is opaque where a whiteout was; `a`: always. @default 'w' */
  readonly diropq?: 'w' | 'a' | undefined;
  /** Whiteouts are listed and can be looked at under their own names, but not changed. @default false */
  readonly shwh?: boolean | undefined;
}

/** Options of `Union.open()`. */
export interface UnionOptions extends StackOptions {
  /** Topmost first: an earlier branch hides a later one. At least one. */
  readonly branches: readonly BranchInput[];
  /** No branch is written, whatever its mode, and none is locked. @default false */
  readonly readOnly?: boolean | undefined;
  /** Any directory can be renamed; without it AUFS's EXDEV for one that has anything below. @default true */
  readonly dirren?: boolean | undefined;
  /** The data of a copy_up need not be on disk before its name: faster, and after a power cut the file may be empty. @default false */
  readonly volatile?: boolean | undefined;
  /** Aborts the opening; has no effect after that. */
  readonly signal?: AbortSignal | undefined;
}

/** {@link StackOptions} with every default filled in. */
export interface ResolvedStackOptions {
  readonly createPolicy: string;
  readonly copyUpPolicy: string;
  readonly udba: string;
  readonly diropq: string;
  readonly shwh: boolean;
}

/** {@link UnionOptions} with every default filled in. */
export interface ResolvedUnionOptions extends ResolvedStackOptions {
  readonly branches: readonly Branch[];
  readonly readOnly: boolean;
  readonly dirren: boolean;
  readonly volatile: boolean;
}

const MODE = /^(rw|ro|rr)(\+(wh|nowh|nolwh|moo|coo_reg|coo_all|fhsm|unpin|icex(sec|sys|tr|usr|oth)?))*$/;
const CREATE_POLICY = /^(tdp|rr|p?mfs(:\d+)?|(mfsrr|tdmfs|pmfsrr):\d+(:\d+)?)$/;

/**
 * Fills in the modes: `rw` for the topmost branch, `ro+wh` for the others.
 *
 * @throws {TypeError} if there is no branch or one is malformed.
 */
export function resolveBranches(branches: readonly BranchInput[]): Branch[] {
  if (!Array.isArray(branches))
    throw new TypeError(`Expected branches to be an array, got ${inspect(branches)}`);
  if (branches.length === 0) throw new TypeError('Expected at least one branch');
  return branches.map((input, index) =>
    resolveBranch(input, index === 0 ? 'rw' : 'ro+wh', `branch ${index}`),
  );
}

/**
 * @param what - Which branch it is, for messages.
 * @throws {TypeError} if the branch is malformed.
 */
export function resolveBranch(input: BranchInput, defaultMode: BranchMode, what: string): Branch {
  const { path, mode = defaultMode } = typeof input === 'string' ? { path: input } : (input ?? {});
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError(`Expected ${what} to have a path, got ${inspect(input)}`);
  }
  if (typeof mode !== 'string' || !MODE.test(mode)) {
    throw new TypeError(
      `Expected mode of ${what} to be rw, ro or rr, with attributes such as ro+wh, got ${inspect(mode)}`,
    );
  }
  return { path, mode };
}

/**
 * @throws {TypeError} if an option is none of the words that there are.
 */
export function resolveStackOptions(options: StackOptions): ResolvedStackOptions {
  const { createPolicy = 'tdp', copyUpPolicy = 'tdp', udba = 'none', diropq = 'w', shwh = false } = options;
  const check = (name: string, value: unknown, known: RegExp, words: string): void => {
    if (typeof value !== 'string' || !known.test(value))
      throw new TypeError(`Expected ${name} to be ${words}, got ${inspect(value)}`);
  };
  check(
    'createPolicy',
    createPolicy,
    CREATE_POLICY,
    'tdp, rr, mfs, mfsrr:BYTES, tdmfs:BYTES, pmfs or pmfsrr:BYTES',
  );
  check('copyUpPolicy', copyUpPolicy, /^(tdp|bup|bu)$/, 'tdp, bup or bu');
  check('udba', udba, /^(none|reval|notify)$/, 'none, reval or notify');
  check('diropq', diropq, /^[wa]$/, 'w or a');
  if (typeof shwh !== 'boolean') throw new TypeError(`Expected shwh to be a boolean, got ${inspect(shwh)}`);
  return { createPolicy, copyUpPolicy, udba, diropq, shwh };
}

/**
 * @throws {TypeError} if an option has the wrong type.
 */
export function resolveUnionOptions(options: UnionOptions): ResolvedUnionOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`Expected options to be an object, got ${inspect(options)}`);
  }
  const { branches, readOnly = false, dirren = true, volatile = false } = options;
  for (const [name, value] of Object.entries({ readOnly, dirren, volatile })) {
    if (typeof value !== 'boolean')
      throw new TypeError(`Expected ${name} to be a boolean, got ${inspect(value)}`);
  }
  return { branches: resolveBranches(branches), readOnly, dirren, volatile, ...resolveStackOptions(options) };
}

/** Says in our words why the engine refused a stack; anything else it returns as it is. */
export function explainRefusedStack(error: unknown, branches: readonly Branch[]): unknown {
  const { branch: index = -1 } = error as { branch?: number };
  const branch = branches[index];
  return branch === undefined
    ? error
    : explainRefusedBranch(error, `branch ${index}`, branch.path, { index });
}

/** The same of one branch; `what` says which, for the message. */
export function explainRefusedBranch(
  error: unknown,
  what: string,
  path: string,
  facts: Readonly<Record<string, unknown>> = {},
): unknown {
  const { errno, overlap = '' } = error as { errno?: number; overlap?: string };
  const details = { cause: error, path, ...facts };
  switch (errno === undefined ? 0 : -errno) {
    case 2: // ENOENT
    case 20: // ENOTDIR
      return new AufsError('ERR_BRANCH_NOT_FOUND', `${what} '${path}' is not a directory that exists`, {
        hint: 'create it or correct the path',
        ...details,
      });
    case 22: // EINVAL
      return new AufsError(
        'ERR_BRANCH_OVERLAP',
        `${what} '${path}' ${overlap || 'is, contains or lies in another branch'}`,
        {
          hint: 'give directories that have nothing in common',
          ...details,
        },
      );
    case 16: // EBUSY
      return new AufsError('ERR_BRANCH_BUSY', `another union writes to ${what} '${path}'`, {
        hint: "close that one, give every union a writable branch of its own, or take this branch with mode 'ro+wh'",
        ...details,
      });
    default:
      return error;
  }
}
