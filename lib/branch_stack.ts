// SPDX-License-Identifier: MIT
import { inspect } from 'node:util';
import { type Branch, type BranchInput, type BranchMode, resolveBranch } from './options.ts';

/** How a union in this process, or a mount, is asked and told. Positions count from the topmost branch, 0. */
export interface StackControl {
  list(): Promise<Branch[]>;
  insert(position: number, branch: Branch): Promise<void>;
  remove(path: string): Promise<void>;
  change(path: string, mode: BranchMode): Promise<void>;
}

/**
 * The branches of a union in use. They can be changed while files are open: open files stay what they are, everything
 * else is seen through the new stack when a call returns. Changes of one union are made one after the other.
 *
 * A branch is named by its path, however that is written, as long as it leads to the branch's directory.
 */
export class BranchStack {
  readonly #control: StackControl;

  /** @internal */
  constructor(control: StackControl) {
    this.#control = control;
  }

  /** The branches as they are now, topmost first. */
  list(): Promise<Branch[]> {
    return this.#control.list();
  }

  /**
   * Adds a branch below all others (AUFS: `append`), or at `at`.
   *
   * @param branch - Its mode is `ro+wh` if none is given.
   * @throws {AufsError} `ERR_BRANCH_NOT_FOUND`, `ERR_BRANCH_OVERLAP`, `ERR_BRANCH_BUSY` (another union writes to it).
   */
  async add(
    branch: BranchInput,
    { at = 'bottom' }: { readonly at?: 'top' | 'bottom' | number } = {},
  ): Promise<void> {
    if (at !== 'bottom') return this.insert(at === 'top' ? 0 : at, branch);
    return this.insert((await this.list()).length, branch);
  }

  /**
   * Inserts a branch at `position`; 0 is topmost (AUFS: `ins`). The branch that was there, and all below it, move down.
   *
   * @throws As {@link add}; {RangeError} if there is no such position.
   */
  async insert(position: number, branch: BranchInput): Promise<void> {
    const count = (await this.list()).length;
    if (!Number.isInteger(position) || position < 0 || position > count) {
      throw new RangeError(`Expected position to be an integer from 0 to ${count}, got ${inspect(position)}`);
    }
    await this.#control.insert(position, resolveBranch(branch, 'ro+wh', 'the branch'));
  }

  /**
   * Takes a branch out (AUFS: `del`). Nothing in its directory changes.
   *
   * @throws {AufsError} `ERR_BRANCH_BUSY` if a file in it is open, or somebody stands in a directory that no other branch has:
   * `details.users` are their paths in the union, and the message names the processes where they can be seen.
   * `ERR_BRANCH_NOT_FOUND` if it is no branch; `ERR_USAGE` for the last one.
   */
  async remove(path: string): Promise<void> {
    await this.#control.remove(resolveBranch(path, 'ro+wh', 'the branch').path);
  }

  /**
   * Gives a branch another mode (AUFS: `mod`). A file that is open for writing in a branch that becomes read-only fails
   * with EROFS at its next write, or is copied up if there is a writable branch above.
   *
   * @throws {AufsError} `ERR_BRANCH_BUSY` if another union writes to it, or if the kernel itself writes to a file of it
   * (passthrough) that is open: `details.users`. `ERR_BRANCH_NOT_FOUND` if it is no branch.
   */
  async modify(path: string, mode: BranchMode): Promise<void> {
    const branch = resolveBranch({ path, mode }, mode, 'the branch');
    await this.#control.change(branch.path, branch.mode);
  }
}
