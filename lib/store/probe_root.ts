// SPDX-License-Identifier: MIT
import { chmod, link, lstat, mkdir, rmdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, native } from '../errors.ts';
import { withStoreLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';
import { makeDirectory } from './own_folders.ts';

/**
 * Makes sure that the file system of a store to be can hold layers. If not, nothing of ours stays in it.
 *
 * @throws {AufsError} `ERR_STORE_FILE_SYSTEM`, which names what it lacks.
 */
export async function probeRoot(layout: Layout): Promise<void> {
  await makeDirectory(layout.own, 0o700);
  // The same name each time, so that what a crash leaves the next try takes away.
  const place = join(layout.own, 'probe');
  const lacks: string[] = [];
  const probe = async (): Promise<void> => {
    await native(binding().removeTree(place));
    await mkdir(place);
    for (const [what, works] of PROBES) if (!(await works(place).catch(() => false))) lacks.push(what);
    await native(binding().removeTree(place));
  };
  try {
    await withStoreLock(layout, probe);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    lacks.push('locks');
  }
  if (lacks.length === 0) return;
  await native(binding().removeTree(join(layout.own, 'lock')));
  await rmdir(layout.own).catch(() => {});
  const type = await native(binding().fsTypeName(layout.root));
  throw new AufsError(
    'ERR_STORE_FILE_SYSTEM',
    `${layout.root} cannot hold layers: its file system (${type}) lacks ${lacks.join(', ')}`,
    { hint: 'give a directory on ext4, XFS, Btrfs or tmpfs', path: layout.root, lacks, type },
  );
}

type Probe = readonly [what: string, works: (place: string) => Promise<boolean>];

/** What files of layers have, each tried in an empty directory. */
const PROBES: readonly Probe[] = [
  [
    'permissions',
    async (place) => {
      const path = join(place, 'mode');
      await writeFile(path, '');
      await chmod(path, 0o741);
      return ((await stat(path)).mode & 0o7777) === 0o741;
    },
  ],
  [
    'symlinks',
    async (place) => {
      await symlink('to', join(place, 'symlink'));
      return true;
    },
  ],
  [
    'hard links',
    async (place) => {
      await writeFile(join(place, 'one'), '');
      await link(join(place, 'one'), join(place, 'two'));
      return (await stat(join(place, 'two'))).nlink === 2;
    },
  ],
  [
    'names that differ in case',
    async (place) => {
      await writeFile(join(place, 'case'), '');
      return lstat(join(place, 'CASE')).then(
        () => false,
        () => true,
      );
    },
  ],
  [
    'names with any byte',
    async (place) => {
      await writeFile(Buffer.concat([Buffer.from(join(place, 'a:"*?\\')), Buffer.from([0xff])]), '');
      return true;
    },
  ],
];

function isUnsupported(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOLCK' || code === 'EOPNOTSUPP' || code === 'ENOTSUP' || code === 'ENOSYS';
}
