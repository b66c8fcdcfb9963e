// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import { isDead } from './dead_mount.ts';
import { endServers } from './end_servers.ts';
import { describeHolders, findHolders } from './holders.ts';
import { mountAt, readMounts } from './mountinfo.ts';
import { resolveTarget } from './resolve_target.ts';
import { listServers, serversOf } from './running_servers.ts';

export interface UnmountOptions {
  /**
   * Takes the mount out of sight at once although it is in use; it ends when its last user does.
   * @default false
   */
  readonly lazy?: boolean | undefined;
}

// umount2(2)
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/**
 * Unmounts what is mounted on `target`, whoever mounted it: with umount2(2) as root, else through
 * `fusermount3 -u`. Returns when the server that served it has written everything back and exited; a copy of the
 * mount in another mount namespace ends with it. A dead mount (ENOTCONN) goes although it is in use.
 *
 * @throws {AufsError} `ERR_NOT_MOUNTED`; `ERR_MOUNT_BUSY`, which names who holds it; `ERR_MOUNT_DENIED` if
 * the mount belongs to another user; `ERR_FUSERMOUNT` if fusermount3 is needed and missing.
 */
export async function unmount(target: string, { lazy = false }: UnmountOptions = {}): Promise<void> {
  const path = await resolveTarget(target);
  const mount = mountAt(await readMounts(), path);
  if (mount === undefined) {
    throw new AufsError('ERR_NOT_MOUNTED', `nothing is mounted on '${path}'`, { path });
  }
  const running = await listServers();
  // Nobody can use a dead one, whatever is open there.
  const detach = lazy || (await isDead(mount, running));
  try {
    if (process.geteuid?.() === 0) {
      await native(binding().umount(path, (detach ? MNT_DETACH : 0) | UMOUNT_NOFOLLOW), { path });
    } else {
      await fusermount(path, detach);
    }
  } catch (cause) {
    if (hasCode(cause, 'EBUSY')) throw await busy(path, cause);
    if (hasCode(cause, 'EPERM')) throw denied(path, cause);
    throw cause;
  }
  // A lazily unmounted one is served until its last user is gone.
  if (!lazy) await endServers(path, serversOf(path, running));
}

/** The error for a mount that cannot be taken away because somebody uses it; it says who. */
export async function busy(target: string, cause?: unknown): Promise<AufsError> {
  const holders = await findHolders(target);
  const who = holders.length === 0 ? 'a process that this user may not see' : describeHolders(holders);
  return new AufsError('ERR_MOUNT_BUSY', `cannot unmount '${target}': in use by ${who}`, {
    hint: 'end it, or unmount lazily (lazy: true, --lazy)',
    path: target,
    holders,
    cause,
  });
}

function denied(path: string, cause: unknown): AufsError {
  return new AufsError('ERR_MOUNT_DENIED', `may not unmount '${path}'`, {
    hint: 'unmount it as the user who mounted it, or as root',
    path,
    cause,
  });
}

async function fusermount(path: string, lazy: boolean): Promise<void> {
  try {
    await promisify(execFile)('fusermount3', ['-u', ...(lazy ? ['-z'] : []), '--', path], {
      env: { ...process.env, LC_ALL: 'C' },
    });
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) {
      throw new AufsError('ERR_FUSERMOUNT', `cannot unmount '${path}': there is no fusermount3 on PATH`, {
        hint: 'install the Debian/Ubuntu package fuse3 (apt-get install fuse3), or unmount as root',
        path,
        cause,
      });
    }
    const said = (cause as { stderr?: string }).stderr?.trim() ?? '';
    if (/busy/i.test(said)) throw await busy(path, cause);
    if (/not permitted|not found in|permission denied/i.test(said)) throw denied(path, cause);
    throw new AufsError('ERR_SERVER_FAILED', `cannot unmount '${path}': ${said || 'fusermount3 failed'}`, {
      path,
      cause,
    });
  }
}
