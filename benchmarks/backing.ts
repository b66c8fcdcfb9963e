// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system to measure on. */
export interface Backing {
  readonly name: string;
  readonly path: string;
  remove(): void;
}

const GIB = 1024 ** 3;
const MKFS: Readonly<Record<string, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=1'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
};

/** The image is kept in memory where there is room, so that the disk's noise stays out. */
function roomFor(bytes: number): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    if (bavail * bsize > bytes) return '/dev/shm';
  } catch {
    // no /dev/shm here
  }
  return tmpdir();
}

/** Makes one: a loop image as root, otherwise a directory on what is there (`here`). @throws if it cannot be had. */
export function makeBacking(name: string): Backing {
  if (name === 'here') {
    const path = mkdtempSync(join(tmpdir(), 'aufs-bench-'));
    return {
      name: 'the file system of the temporary directory',
      path,
      remove: () => rmSync(path, { recursive: true, force: true }),
    };
  }
  const make = MKFS[name];
  if (make === undefined)
    throw new Error(`unknown backing '${name}'; known: ${Object.keys(MKFS).join(', ')}, here`);
  if (process.getuid?.() !== 0) throw new Error(`${name}: a loop image needs root`);
  const [program = '', ...options] = make;
  if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
    throw new Error(`${name}: ${program} is not installed`);
  const room = mkdtempSync(join(roomFor(6 * GIB), 'aufs-bench-'));
  const [image, path] = [join(room, 'image'), join(room, 'mounted')];
  const remove = () => {
    spawnSync('umount', ['-l', path]);
    rmSync(room, { recursive: true, force: true });
  };
  try {
    writeFileSync(image, '');
    truncateSync(image, 5 * GIB);
    execFileSync(program, [...options, image], { stdio: 'pipe' });
    mkdirSync(path);
    execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'pipe' });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    name: `${name} (loop image in ${room.startsWith('/dev/shm') ? 'memory' : 'a file'})`,
    path,
    remove,
  };
}
