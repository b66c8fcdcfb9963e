// SPDX-License-Identifier: MIT
import { inspect } from 'node:util';
import { AufsError } from './errors.ts';

/** What may be done to a branch, in AUFS's words; see aufs(5), "Branch Syntax". */
export type BranchMode = 'rw' | 'ro' | 'rr' | 'ro+wh' | 'rr+wh';

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

/** Options of `Union.open()`. */
export interface UnionOptions {
  /** Topmost first: an earlier branch hides a later one. At least one. */
  readonly branches: readonly BranchInput[];
  /** No branch is written, whatever its mode, and none is locked. @default false */
  readonly readOnly?: boolean | undefined;
  /** Any directory can be renamed; without it AUFS's EXDEV for one that has anything below. @default true */
  readonly dirren?: boolean | undefined;
  /** A copy_up is not on disk when its call returns: faster, and lost in a power cut. @default false */
  readonly volatile?: boolean | undefined;
  /** Aborts the opening; has no effect after that. */
  readonly signal?: AbortSignal | undefined;
}

/** {@link UnionOptions} with every default filled in. */
export interface ResolvedUnionOptions {
  readonly branches: readonly Branch[];
  readonly readOnly: boolean;
  readonly dirren: boolean;
  readonly volatile: boolean;
}

const MODES: ReadonlySet<string> = new Set<BranchMode>(['rw', 'ro', 'rr', 'ro+wh', 'rr+wh']);

/**
 * Fills in the modes: `rw` for the topmost branch, `ro+wh` for the others.
 *
 * @throws {TypeError} if there is no branch or one is malformed.
 */
export function resolveBranches(branches: readonly BranchInput[]): Branch[] {
  if (!Array.isArray(branches))
    throw new TypeError(`Expected branches to be an array, got ${inspect(branches)}`);
  if (branches.length === 0) throw new TypeError('Expected at least one branch');
  return branches.map((input: BranchInput, index) => {
    const { path, mode = index === 0 ? 'rw' : 'ro+wh' } =
      typeof input === 'string' ? { path: input } : (input ?? {});
    if (typeof path !== 'string' || path === '' || path.includes('\0')) {
      throw new TypeError(`Expected branch ${index} to have a path, got ${inspect(input)}`);
    }
    if (!MODES.has(mode)) {
      throw new TypeError(
        `Expected mode of branch ${index} to be one of ${[...MODES].join(', ')}, got ${inspect(mode)}`,
      );
    }
    return { path, mode };
  });
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
  return { branches: resolveBranches(branches), readOnly, dirren, volatile };
}

/** Says in our words why the engine refused a stack; anything else it returns as it is. */
export function explainRefusedStack(error: unknown, branches: readonly Branch[]): unknown {
  const { errno, branch: index = -1 } = error as { errno?: number; branch?: number };
  const branch = branches[index];
  if (branch === undefined) return error;
  const { path } = branch;
  const details = { cause: error, path, index };
  switch (errno === undefined ? 0 : -errno) {
    case 2: // ENOENT
    case 20: // ENOTDIR
      return new AufsError(
        'ERR_BRANCH_NOT_FOUND',
        `branch ${index} '${path}' is not a directory that exists`,
        {
          hint: 'create it or correct the path',
          ...details,
        },
      );
    case 22: // EINVAL
      return new AufsError(
        'ERR_BRANCH_OVERLAP',
        `branch ${index} '${path}' is, contains or lies in another branch`,
        {
          hint: 'give directories that have nothing in common',
          ...details,
        },
      );
    case 16: // EBUSY
      return new AufsError('ERR_BRANCH_BUSY', `another union writes to branch ${index} '${path}'`, {
        hint: "close that one, give every union a writable branch of its own, or take this branch with mode 'ro+wh'",
        ...details,
      });
    default:
      return error;
  }
}
