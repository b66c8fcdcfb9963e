// SPDX-License-Identifier: MIT
import { readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountAt, readMounts } from './mountinfo.ts';
import type { RunningServer } from './running_servers.ts';

/** How long a server whose mount is gone everywhere may take to notice, in milliseconds. */
const NOTICE_TIME = 300;

/** How long it may take to exit, in milliseconds, and how long to complete the copies of large files before. */
const EXIT_TIMEOUT = 10_000;
const COPY_TIMEOUT = 600_000;

/**
 * Waits until the servers of a mount that was taken off `target` have ended. Nobody here uses that mount, or it
 * could not have been taken off; but a copy in another mount namespace (a service that was started meanwhile has
 * one) would keep its server, and the branches, for as long as that lives. Such a server is told to end.
 */
export async function endServers(target: string, servers: readonly RunningServer[]): Promise<void> {
  const pids = servers.map(({ pid }) => pid);
  if (await haveEnded(pids, NOTICE_TIME)) return;
  const ending = pids.map(async (pid) => {
    if (!(await servesNothingHere(pid, target))) return hasEnded(pid, EXIT_TIMEOUT);
    tell(pid);
    return hasEnded(pid, COPY_TIMEOUT);
  });
  await Promise.all(ending);
}

/** A server of another mount namespace, or of a mount below the one that was taken off, goes on. */
async function servesNothingHere(pid: number, target: string): Promise<boolean> {
  const [ours, its] = await Promise.all(
    ['self', pid].map((process) => readlink(`/proc/${process}/ns/mnt`).catch(() => undefined)),
  );
  return ours !== undefined && ours === its && mountAt(await readMounts(), target) === undefined;
}

/** It then does as at the end of any mount. One that is ending already does not mind. */
function tell(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // it has ended, or belongs to somebody else
  }
}

async function haveEnded(pids: readonly number[], timeout: number): Promise<boolean> {
  const ends = await Promise.all(pids.map((pid) => hasEnded(pid, timeout)));
  return ends.every((ended) => ended);
}

async function hasEnded(pid: number, timeout: number): Promise<boolean> {
  for (const end = Date.now() + timeout; Date.now() < end; await sleep(5)) {
    // A zombie has exited; its parent just has not asked yet.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (stat === '' || /^\d+ \(.*\) Z/s.test(stat)) return true;
  }
  return false;
}
