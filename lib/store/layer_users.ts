// SPDX-License-Identifier: MIT
import { chmod, lstat } from 'node:fs/promises';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import { describeHolders, type Holder } from '../mount/holders.ts';
import { mountAt, readMounts } from '../mount/mountinfo.ts';
import { listServers, type RunningServer, serversOf, serversWith } from '../mount/running_servers.ts';
import type { Layout } from './layout.ts';

/** What unions do with a layer's directory, as far as this user may see. Unions in process that only read it cannot be seen. */
export interface LayerUsers {
  /** A union writes to it. */
  readonly locked: boolean;
  /** Servers of mounts that have it as a branch, whatever is written to. */
  readonly servers: readonly RunningServer[];
}

/** @param path - Where the directory `diff/ID` is now. */
export async function layerUsers(layout: Layout, path: string, id: string): Promise<LayerUsers> {
  return { locked: await isLockedBranch(path), servers: serversWith(layout.diff(id), await listServers()) };
}

/** True while a union has the layer's directory, which is `path` now: a mount that is out of sight goes on. */
export async function isInUse(layout: Layout, path: string, id: string): Promise<boolean> {
  const { locked, servers } = await layerUsers(layout, path, id);
  return locked || servers.length > 0;
}

/** True while a union writes to the directory; false if there is none. */
export async function isLockedBranch(path: string): Promise<boolean> {
  try {
    const lock = await native(binding().flock(path, true));
    if (lock !== null) binding().unlock(lock);
    return lock === null;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Runs `work`; where it may not open the directory `path` for its mode alone, this user's own, it may while it is run anew. */
export async function withAccess<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw error;
    const stats = await lstat(path);
    const mode = stats.mode & 0o7777;
    if (!stats.isDirectory() || stats.uid !== process.geteuid?.() || (mode & 0o700) === 0o700) throw error;
    await chmod(path, mode | 0o700);
    try {
      return await work();
    } finally {
      await chmod(path, mode).catch((cause: unknown) => {
        if (!hasCode(cause, 'ENOENT')) throw cause;
      });
    }
  }
}

/**
 * Those who keep a layer from being removed: a mount of it on `mnt/ID` that is out of sight, or lives on in another mount namespace, is
 * nothing that the caller could end, and not among them.
 */
export async function usersElsewhere(layout: Layout, id: string, users: LayerUsers): Promise<Holder[]> {
  const own = serversOf(layout.mountpoint(id), users.servers);
  const mounts = await readMounts();
  const holders = new Map<string, Holder>();
  for (const server of users.servers) {
    if (own.includes(server)) continue;
    const target = server.args.find((word) => mountAt(mounts, word) !== undefined);
    const use = target === undefined ? 'a mount that is out of sight' : `mount ${target}`;
    // A supervisor and its worker, which comes later, have the same arguments.
    holders.set(server.args.join('\0'), { pid: server.pid, command: 'node-aufs-fuse', uses: [use] });
  }
  return [...holders.values()];
}

/** The error for a layer that is a branch of a union elsewhere (`-o br=…`), which `holders` are as far as they can be seen. */
export function busyBranch(
  layout: Layout,
  id: string,
  verb: string,
  holders: readonly Holder[] = [],
): AufsError {
  const path = layout.diff(id);
  const what = holders.length === 0 ? `a union writes to ${path}` : `${path} is a branch of a union`;
  const who = holders.length === 0 ? '' : `: ${describeHolders(holders)}`;
  return new AufsError('ERR_BRANCH_BUSY', `cannot ${verb} layer ${id}: ${what}${who}`, {
    hint: 'unmount or close that union first',
    id,
    path,
    holders,
  });
}
