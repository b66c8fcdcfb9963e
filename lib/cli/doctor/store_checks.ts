// SPDX-License-Identifier: MIT
import { constants, copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { mountContaining, readMounts } from '../../mount/mountinfo.ts';
import { resolveTarget } from '../../mount/resolve_target.ts';
import { type Finding, no, optional, yes } from './check.ts';

/** The nearest directory above `path`, or it itself, that exists. */
async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch {
    return nearestExisting(dirname(path));
  }
}

/** File systems on which the engine cannot keep its promises. */
const UNFIT: Readonly<Record<string, string>> = {
  '9p': 'on WSL keep the store in the Linux file system (below your home directory), not below /mnt/c',
  aufs: 'a writable AUFS cannot be a branch; choose another place with --root',
  ecryptfs: 'choose another place with --root',
};

export async function checkStoreFileSystem(root: string): Promise<Finding> {
  const place = await nearestExisting(resolve(root));
  const mount = mountContaining(await readMounts(), await resolveTarget(place));
  const type = mount?.type ?? 'unknown';
  const cure = UNFIT[type];
  return cure === undefined ? yes(`${type} (${root})`) : no(`${type} (${root})`, cure);
}

/** A clone is the only sure test: the same file system type may or may not have been made with reflinks. */
export async function checkReflink(root: string): Promise<Finding> {
  const place = await nearestExisting(resolve(root));
  let directory: string;
  try {
    directory = await mkdtemp(join(place, '.node-aufs-doctor-'));
  } catch (error) {
    return optional(
      `cannot be tried in ${place} (${(error as NodeJS.ErrnoException).code})`,
      'name a store with --root',
    );
  }
  try {
    await writeFile(join(directory, 'a'), 'x'.repeat(4096));
    await copyFile(join(directory, 'a'), join(directory, 'b'), constants.COPYFILE_FICLONE_FORCE);
    return yes('copy_up shares blocks instead of copying');
  } catch {
    return optional(
      'copy_up copies the data',
      'keep the store on Btrfs, or XFS made with reflink=1 (its default)',
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
