// SPDX-License-Identifier: MIT
import { realpath, stat } from 'node:fs/promises';
import { AufsError, hasCode } from '../errors.ts';
import { readMounts } from '../mount/mountinfo.ts';
import { isWithin } from '../mount/resolve_target.ts';
import { readTextFile, UnfitFile } from '../store/regular_file.ts';
import type { DockerLayout } from './docker_layout.ts';

/** Where dockerd writes its process id unless it is told otherwise. */
export const PID_FILE = '/var/run/docker.pid';

/**
 * Makes sure that no Docker daemon works on the store, as far as that can be seen: it keeps its layer database in memory, and
 * would neither see nor respect what we write.
 *
 * @throws {AufsError} `ERR_DOCKER_RUNNING`.
 */
export async function refuseLiveDocker(layout: DockerLayout, pidFile: string): Promise<void> {
  const pid = await livingPid(pidFile);
  if (pid !== undefined) {
    throw running(layout, `${pidFile} names process ${pid}, which lives`, { pid, path: pidFile });
  }
  const mountpoints = layout.driver.mountpoints;
  const mount = (await readMounts()).find(
    ({ target, type }) => isWithin(target, mountpoints) && type !== 'fuse.node-aufs',
  );
  if (mount !== undefined) {
    throw running(layout, `${mount.target} is mounted (${mount.type})`, { path: mount.target });
  }
}

async function livingPid(pidFile: string): Promise<number | undefined> {
  const text = await pidText(pidFile);
  if (!/^[1-9]\d{0,9}$/.test(text)) return undefined;
  const alive = await stat(`/proc/${text}`).then(
    () => true,
    () => false,
  );
  return alive ? Number(text) : undefined;
}

/** Empty if there is no such file. That it may not be read says nothing of whether a daemon lives. */
async function pidText(pidFile: string): Promise<string> {
  try {
    return (await readTextFile(await realpath(pidFile))).trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') || error instanceof UnfitFile) return '';
    throw error;
  }
}

function running(
  { root }: DockerLayout,
  sign: string,
  details: Readonly<Record<string, unknown>>,
): AufsError {
  return new AufsError('ERR_DOCKER_RUNNING', `cannot write to ${root}: Docker seems to use it (${sign})`, {
    hint: 'stop Docker first, or open the store read-only',
    ...details,
  });
}
