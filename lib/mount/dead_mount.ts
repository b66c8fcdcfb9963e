// SPDX-License-Identifier: MIT
import { statfs } from 'node:fs/promises';
import { hasCode } from '../errors.ts';
import type { MountEntry } from './mountinfo.ts';
import { type RunningServer, serversOf } from './running_servers.ts';

/** How /proc/self/mountinfo calls a mount that a server of ours serves. */
const SERVER_TYPE = 'fuse.node-aufs';

/** True for a mount that one of our servers made, dead or alive. */
export function isOurs(mount: MountEntry | undefined): mount is MountEntry {
  return mount?.type === SERVER_TYPE;
}

/**
 * True for what a server that was killed together with its supervisor leaves behind: a mount of ours where every call
 * fails with ENOTCONN (those that wait when it dies with ECONNABORTED). One that a process of `running` serves is not touched: if that hangs, so would we.
 */
export async function isDead(
  mount: MountEntry | undefined,
  running: readonly RunningServer[],
): Promise<boolean> {
  if (!isOurs(mount) || serversOf(mount.target, running).length > 0) return false;
  // Attributes come from the kernel's cache, also of a dead mount; this is asked of the server.
  return statfs(mount.target).then(
    () => false,
    (error: unknown) => hasCode(error, 'ENOTCONN') || hasCode(error, 'ECONNABORTED'),
  );
}
