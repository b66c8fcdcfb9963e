// SPDX-License-Identifier: MIT
import { readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import type { StackControl } from '../branch_stack.ts';
import { AufsError, native, SystemError } from '../errors.ts';
import type { Branch, BranchMode } from '../options.ts';
import { describeHolders, findHolders, type Holder } from './holders.ts';
import { isWithin } from './resolve_target.ts';
import { serverFailure } from './server_failure.ts';

type Answer = Readonly<Record<string, unknown>>;

/** What a directory that is no mount of ours says to our ioctl. */
const NOT_OURS: ReadonlySet<string> = new Set(['ENOTTY', 'EINVAL', 'ENOSYS', 'EOPNOTSUPP']);

/** Asks the mount on `target`, whoever made it, by an ioctl on its root. Needs root or the user who mounted. */
export function mountControl(target: string): StackControl {
  return {
    async list() {
      const branches: Branch[] = [];
      for (let total = 1; branches.length < total; ) {
        const answer = await ask(target, ['list', String(branches.length)]);
        const part = answer['branches'] as readonly { readonly path: string; readonly perm: string }[];
        total = Number(answer['total']);
        if (part.length === 0) break;
        branches.push(...part.map(({ path, perm }) => ({ path, mode: perm as BranchMode })));
      }
      return branches;
    },
    async insert(position, { path, mode }) {
      await ask(target, ['insert', String(position), mode, await absolute(path)]);
    },
    async remove(path) {
      const standing = await directoriesInUse(target);
      await ask(target, ['remove', await absolute(path), ...standing]).catch((error) => busy(target, error));
    },
    async change(path, mode) {
      await ask(target, ['change', await absolute(path), mode]).catch((error) => busy(target, error));
    },
  };
}

async function ask(target: string, words: readonly string[]): Promise<Answer> {
  let line: Buffer;
  try {
    line = await native(binding().mountControl(target, words), { path: target });
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    if (cause.code === 'EPERM') {
      throw new AufsError(
        'ERR_MOUNT_DENIED',
        `the branches of '${target}' are not yours to look at or change`,
        {
          hint: 'be root, or the user who mounted it',
          path: target,
          cause,
        },
      );
    }
    if (!NOT_OURS.has(cause.code)) throw cause;
    throw new AufsError('ERR_NOT_MOUNTED', `'${target}' is not inside a mount of node-aufs`, {
      hint: 'give its mountpoint',
      path: target,
      cause,
    });
  }
  const answer = JSON.parse(line.toString()) as Answer;
  if (answer['ok'] === true) return answer;
  const failure = serverFailure(answer);
  const users = answer['users'];
  if (!(failure instanceof AufsError) || !Array.isArray(users) || users.length === 0) throw failure;
  throw new AufsError('ERR_BRANCH_BUSY', failure.message.replace(/^ERR_\w+: /, ''), {
    ...failure.details,
    users: users.map(String),
  });
}

/** The server's working directory is the root. A branch that is gone from its path is still known by it. */
async function absolute(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** Names the processes that keep a branch busy, where this user may see them. */
async function busy(target: string, error: unknown): Promise<never> {
  if (!(error instanceof AufsError) || error.code !== 'ERR_BRANCH_BUSY') throw error;
  const users = (error.details['users'] ?? []) as readonly string[];
  if (users.length === 0) throw error;
  const paths = users.map((user) => join(target, user));
  const holders = (await findHolders(target)).filter(({ uses }) => uses.some((use) => holds(use, paths)));
  const who = holders.length === 0 ? users.slice(0, 5).join(', ') : describeHolders(holders);
  const message = error.message.replace(/^ERR_\w+: /, '');
  throw new AufsError('ERR_BRANCH_BUSY', `${message}; used by ${who}`, {
    ...error.details,
    holders: holders satisfies readonly Holder[],
    cause: error,
  });
}

/** `cwd` and `root` have no path; a process that stands somewhere in the mount is named rather than left out. */
function holds(use: string, paths: readonly string[]): boolean {
  return use === 'cwd' || use === 'root' || paths.some((path) => use.includes(path));
}

/** Paths, relative to the mountpoint, of the directories that processes stand in, as far as this user may see. */
async function directoriesInUse(target: string): Promise<string[]> {
  const found = new Set<string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const link of ['cwd', 'root']) {
      const path = await readlink(`/proc/${pid}/${link}`).catch(() => undefined);
      if (path !== undefined && path !== target && isWithin(path, target)) {
        found.add(path.slice(target.length + 1));
      }
    }
  }
  return [...found].slice(0, 100);
}
