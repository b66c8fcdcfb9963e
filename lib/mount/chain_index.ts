// SPDX-License-Identifier: MIT
import { resolve } from 'node:path';
import { type BranchInput, resolveBranches } from '../options.ts';
import { startDetachedServer } from './detached_server.ts';

export interface ChainIndexOptions {
  /** Topmost first, as they are or will be mounted; the index is of the read-only ones at the bottom. */
  readonly branches: readonly BranchInput[];
  /** Aborts the work; nothing stays of it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the index of the read-only branches at the bottom of a stack now, as the file `file`, for mounts with
 * {@link MountOptions.chainIndex}: without this the first such mount makes it while it is served. An index that is there is replaced.
 * Every directory of these branches is read, and every file is looked at.
 *
 * @throws {AufsError} `ERR_CHAIN_INDEX`: a branch has another file system mounted in it, cannot be read, or `file` cannot be written.
 * @throws `signal.reason` if `signal` is aborted first.
 *
 * @example
 * await writeChainIndex('/var/cache/app.index', { branches: ['./upper', './app', './base'] });
 */
export async function writeChainIndex(file: string, { branches, signal }: ChainIndexOptions): Promise<void> {
  const stack = resolveBranches(branches);
  const args = stack.flatMap(({ path, mode }) => ['--branch', resolve(path), mode]);
  await startDetachedServer(['--write-chain-index', resolve(file), ...args], { signal });
}
