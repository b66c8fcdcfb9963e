// SPDX-License-Identifier: MIT
import { readdir, realpath, stat } from 'node:fs/promises';
import { AufsError, hasCode } from '../errors.ts';
import { removeDeadMount } from './remove_dead_mounts.ts';
import { resolveTarget } from './resolve_target.ts';

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
