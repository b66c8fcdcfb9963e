// SPDX-License-Identifier: MIT
import { readdir, realpath, stat } from 'node:fs/promises';
import { AufsError, hasCode } from '../errors.ts';
import { removeDeadMount } from './remove_dead_mounts.ts';
import { isWithin, resolveTarget } from './resolve_target.ts';

/** A branch as the server is told of it. */
export interface ServerBranch {
  /** Absolute, symlinks resolved. */
  readonly path: string;
  /** `rw`, `ro`, `rr`, with `+wh` or without. */
  readonly perm: string;
}

/**
 * Checks the mountpoint and gives its absolute path: it must be a directory, and empty unless `nonEmpty`. What a
 * killed server left mounted there is removed.
 */
export async function checkTarget(target: string, nonEmpty: boolean): Promise<string> {
  await removeDeadMount(await resolveTarget(target));
  let resolved: string;
  let names: string[];
  try {
    resolved = await realpath(target);
    if (!(await stat(resolved)).isDirectory()) {
      throw new AufsError('ERR_MOUNTPOINT', `cannot mount on '${target}': it is not a directory`, {
        hint: 'give an existing, empty directory',
        path: target,
      });
    }
    names = nonEmpty ? [] : await readdir(resolved);
  } catch (cause) {
    if (cause instanceof AufsError) throw cause;
    const dead = hasCode(cause, 'ENOTCONN');
    const why = dead ? 'a file system without a server is mounted there' : (cause as Error).message;
    throw new AufsError('ERR_MOUNTPOINT', `cannot mount on '${target}': ${why}`, {
      hint: dead ? `remove it with: node-aufs umount --lazy ${target}` : 'give an existing, empty directory',
      path: target,
      cause,
    });
  }
  if (names.length > 0) {
    throw new AufsError(
      'ERR_MOUNTPOINT_NOT_EMPTY',
      `cannot mount on '${target}': the directory has entries`,
      {
        hint: 'give an empty directory, or allow it with nonEmpty: true (-o nonempty)',
        path: target,
      },
    );
  }
  return resolved;
}

/** Checks that every branch is a directory and gives their real paths. */
export async function checkBranches(branches: readonly ServerBranch[]): Promise<ServerBranch[]> {
  return Promise.all(branches.map(async ({ path, perm }) => ({ path: await realBranch(path), perm })));
}

async function realBranch(path: string): Promise<string> {
  let why: string;
  let cause: unknown;
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
    why = 'it is not a directory';
  } catch (error) {
    cause = error;
    why = (error as Error).message;
  }
  const hint = 'every branch must be an existing directory';
  throw new AufsError('ERR_BRANCH_NOT_FOUND', `cannot use branch '${path}': ${why}`, { hint, path, cause });
}

/**
 * Refuses a branch that is, contains or lies in another one or the mountpoint: such a union would show
 * itself. The server checks again with inode numbers, which also sees through bind mounts.
 */
export function checkOverlap(branches: readonly ServerBranch[], target: string): void {
  for (const [index, { path }] of branches.entries()) {
    for (const { path: other } of branches.slice(index + 1)) {
      if (isWithin(path, other) || isWithin(other, path)) refuseOverlap(path, `branch '${other}'`);
    }
    if (isWithin(path, target) || isWithin(target, path)) refuseOverlap(path, `the mountpoint '${target}'`);
  }
}

function refuseOverlap(path: string, other: string): never {
  throw new AufsError(
    'ERR_BRANCH_OVERLAP',
    `cannot use branch '${path}' together with ${other}: they overlap`,
    {
      hint: 'a branch may not be, contain or lie in another branch or the mountpoint',
      path,
    },
  );
}
