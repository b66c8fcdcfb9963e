// SPDX-License-Identifier: MIT
import type { BranchStack } from '../../lib/branch_stack.ts';
import { AufsError, hasCode, SystemError } from '../../lib/errors.ts';
import { parseRemount } from '../../lib/mount/remount.ts';
import type { Stage } from './engine.ts';
import type { Answer, Op } from './recording.ts';

/** `remount`: changes the stack in AUFS's words, in which `{NAME}` stands for a branch's directory. */
export async function remount({ disks }: Stage, branches: BranchStack, op: Op): Promise<Answer> {
  const words = String(op['data']).replaceAll(/\{(\w+)\}/g, (_, name: string) => disks.branch(name));
  try {
    for (const step of parseRemount(words)) await step(branches);
    return { errno: null };
  } catch (error) {
    if (hasCode(error, 'ERR_BRANCH_BUSY')) return { errno: 'EBUSY' };
    if (error instanceof SystemError) return { errno: error.code };
    if (error instanceof AufsError) return { errno: 'EINVAL' };
    throw error;
  }
}

/** `branches`: what AUFS shows in /sys/fs/aufs. */
export async function listBranches({ disks }: Stage, branches: BranchStack): Promise<Answer> {
  const list = await branches.list();
  const ret = Object.fromEntries(
    list.map(({ path, mode }, i) => [`br${i}`, `${path.replace(disks.base, 'BASE')}=${mode}`]),
  );
  return { errno: null, ret };
}
