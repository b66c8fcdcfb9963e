// SPDX-License-Identifier: MIT
import { readdir, readFile, readlink } from 'node:fs/promises';
import { mountAt, readMounts } from './mountinfo.ts';
import { isWithin } from './resolve_target.ts';

/** A process, or a mount on top, that keeps a mount busy. */
export interface Holder {
  /** 0 for a mount on top of this one. */
  readonly pid: number;
  readonly command: string;
  /** How: `cwd`, `root`, `exe`, `fd 3 /mnt/a/file`, `map /mnt/a/lib.so`, `mount /mnt/a/proc`. */
  readonly uses: readonly string[];
}

/**
 * Who keeps the mount on `target` busy, as far as this user may see (other users' processes need root). Reads
 * /proc only, and never touches a file of the mount itself, so that a server that hangs does not hang this
 * too.
 */
export async function findHolders(target: string): Promise<Holder[]> {
  const mounts = await readMounts();
  const mount = mountAt(mounts, target);
  if (mount === undefined) return [];
  const holders: Holder[] = mounts
    .filter((entry) => entry.parentId === mount.id)
    .map((entry) => ({ pid: 0, command: entry.type, uses: [`mount ${entry.target}`] }));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const uses = await usesOf(pid, target, mount.id, mount.device);
    if (uses.length > 0) holders.push({ pid: Number(pid), command: await commandOf(pid), uses });
  }
  return holders;
}

/** One line for an error message: `sh (pid 12: cwd), vim (pid 13: fd 4 /mnt/a/f)`. */
export function describeHolders(holders: readonly Holder[]): string {
  return holders
    .map(({ pid, command, uses }) =>
      pid === 0 ? uses.join(', ') : `${command} (pid ${pid}: ${uses.join(', ')})`,
    )
    .join(', ');
}

async function usesOf(pid: string, target: string, mountId: number, device: string): Promise<string[]> {
  const uses: string[] = [];
  for (const name of ['cwd', 'root', 'exe']) {
    const path = await quietly(readlink(`/proc/${pid}/${name}`));
    if (path !== undefined && isWithin(path, target)) uses.push(name);
  }
  for (const fd of (await quietly(readdir(`/proc/${pid}/fdinfo`))) ?? []) {
    const info = await quietly(readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    if (info === undefined || !new RegExp(`^mnt_id:\\s*${mountId}$`, 'm').test(info)) continue;
    uses.push(`fd ${fd} ${(await quietly(readlink(`/proc/${pid}/fd/${fd}`))) ?? '?'}`);
  }
  uses.push(...mappedFiles((await quietly(readFile(`/proc/${pid}/maps`, 'utf8'))) ?? '', target, device));
  return uses;
}

/** Lines of /proc/PID/maps are `range perms offset major:minor inode path`, the device in hexadecimal. */
function mappedFiles(maps: string, target: string, device: string): string[] {
  const [major, minor] = device.split(':').map((part) => Number(part).toString(16).padStart(2, '0'));
  const files = new Set<string>();
  for (const line of maps.split('\n')) {
    const [, , , dev, , ...path] = line.split(/ +/);
    const file = path.join(' ');
    if (dev === `${major}:${minor}` && isWithin(file, target)) files.add(`map ${file}`);
  }
  return [...files];
}

async function commandOf(pid: string): Promise<string> {
  return ((await quietly(readFile(`/proc/${pid}/comm`, 'utf8'))) ?? '?').trim();
}

/** Processes end while we look, and other users' may not be looked at: both are "nothing seen". */
async function quietly<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch {
    return undefined;
  }
}
