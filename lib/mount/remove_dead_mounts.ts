// SPDX-License-Identifier: MIT
import { isDead, isOurs } from './dead_mount.ts';
import { mountAt, readMounts } from './mountinfo.ts';
import { listServers, type RunningServer } from './running_servers.ts';
import { unmount } from './unmount.ts';

/** So many on top of each other are not our doing. */
const MOST = 100;

/**
 * Takes a dead mount of ours away from `target` (absolute, symlinks resolved), and those that it covered. Who still has a
 * file of it open loses nothing by that. Other mounts are left alone, as are those that this user may not remove.
 */
export async function removeDeadMount(target: string): Promise<void> {
  if (isOurs(mountAt(await readMounts(), target))) await remove(target, await listServers());
}

/** The same for all mountpoints below the directory `parent`. */
export async function removeDeadMountsBelow(parent: string): Promise<void> {
  const ours = (await readMounts()).filter(isOurs).map(({ target }) => target);
  const targets = new Set(ours.filter((target) => target.startsWith(`${parent}/`)));
  if (targets.size === 0) return;
  const running = await listServers();
  for (const target of targets) await remove(target, running);
}

async function remove(target: string, running: readonly RunningServer[]): Promise<void> {
  for (let i = 0; i < MOST && (await isDead(mountAt(await readMounts(), target), running)); i++) {
    const failed = await unmount(target, { lazy: true }).then(
      () => false,
      () => true,
    );
    if (failed) return;
  }
}
