// SPDX-License-Identifier: MIT
import { resolve } from 'node:path';
import { binding } from '../binding.ts';
import type { StackControl } from '../branch_stack.ts';
import { AufsError, native, SystemError } from '../errors.ts';
import { type Branch, type BranchMode, explainRefusedBranch } from '../options.ts';
import type { UnionGuard } from './guard.ts';

/** The stack of a union in this process; `changed` is told of every new one. */
export function unionControl(
  guard: UnionGuard,
  changed: (branches: readonly Branch[]) => void,
): StackControl {
  const list = async (): Promise<Branch[]> => {
    const words = await guard.run((union) => binding().unionBranches(union));
    const branches: Branch[] = [];
    for (let i = 0; i + 1 < words.length; i += 2) {
      branches.push({ path: words[i] ?? '', mode: words[i + 1] as BranchMode });
    }
    return branches;
  };
  const tell = async (): Promise<void> => changed(await list());
  return {
    list,
    async insert(position, { path, mode }) {
      const absolute = resolve(path);
      const handle = guard.handle;
      try {
        await binding().unionInsertBranch(handle, position, absolute, mode);
      } catch (error) {
        throw explainRefusedBranch(error, 'the new branch', absolute);
      }
      await tell();
    },
    async remove(path) {
      const absolute = resolve(path);
      refuseUsers(await explained(absolute, binding().unionRemoveBranch(guard.handle, absolute)), absolute);
      await tell();
    },
    async change(path, mode) {
      const absolute = resolve(path);
      refuseUsers(
        await explained(absolute, binding().unionChangeBranch(guard.handle, absolute, mode)),
        absolute,
      );
      await tell();
    },
  };
}

async function explained(path: string, call: Promise<string[]>): Promise<string[]> {
  try {
    return await native(call, { path });
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    if (cause.code === 'ENOENT') {
      throw new AufsError('ERR_BRANCH_NOT_FOUND', `'${path}' is no branch of this union`, {
        hint: 'stack.list() gives its branches',
        path,
        cause,
      });
    }
    if (cause.code === 'EINVAL') {
      throw new AufsError('ERR_USAGE', `'${path}' is the last branch of this union`, {
        hint: 'close the union instead',
        path,
        cause,
      });
    }
    if (cause.code === 'EBUSY') {
      throw new AufsError('ERR_BRANCH_BUSY', `another union writes to '${path}'`, {
        hint: 'close that one first',
        path,
        cause,
      });
    }
    throw cause;
  }
}

function refuseUsers(users: readonly string[], path: string): void {
  if (users.length === 0) return;
  throw new AufsError('ERR_BRANCH_BUSY', `branch '${path}' is in use: ${users.slice(0, 5).join(', ')}`, {
    hint: 'close the files that are open in it',
    path,
    users,
  });
}
