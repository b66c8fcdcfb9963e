// SPDX-License-Identifier: MIT
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { spread, writeBigFile, writeFiles, writeSparseFile } from '../files.ts';
import type { Case, Fixture, Group, Settings, Suite } from '../suite.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const SPARSE_DATA = 16;

// fuse-overlayfs and unionfs-fuse never sync a copy, so they are the equals of `volatile` only.
const durable: Group = {
  title: 'durable',
  baseline: 'overlayfs',
  contenders: ['overlayfs', 'copy, fsync, rename', 'node-aufs mount', 'node-aufs Union'],
};
const volatile: Group = {
  title: 'volatile',
  baseline: 'overlayfs volatile',
  contenders: [
    'overlayfs volatile',
    'plain directory',
    'cp -a --reflink=auto',
    'fuse-overlayfs',
    'unionfs-fuse',
    'node-aufs mount volatile',
    'node-aufs Union volatile',
  ],
};
const manyFiles: readonly Group[] = [
  { ...durable, contenders: [...durable.contenders, 'node-aufs Union, all at once'] },
  { ...volatile, contenders: [...volatile.contenders, 'node-aufs Union volatile, all at once'] },
];
const chmodGroups: readonly Group[] = [
  durable,
  { ...volatile, contenders: volatile.contenders.filter((name) => !name.startsWith('cp ')) },
];

function singleBranch(name: string, write: (branch: string) => void): Fixture {
  return {
    name,
    async build(directory) {
      const branch = join(directory, 'lower');
      mkdirSync(branch);
      write(branch);
      return [branch];
    },
  };
}

/** Throws unless every path is there, copied whole: the first write does not change the size. */
function checkCopies(copies: string, paths: readonly string[], size: number): void {
  for (const path of paths) {
    const found = statSync(join(copies, path)).size;
    if (found !== size) throw new Error(`copied ${path} to ${found} bytes instead of ${size}`);
  }
}

function smallFiles(count: number, size: number, label: string): Case {
  const paths = spread(count);
  return {
    title: `first write to each of ${count.toLocaleString('en')} files of ${label}`,
    fixture: singleBranch(`small-${size}`, (branch) => writeFiles(branch, paths, size)),
    groups: manyFiles,
    fresh: true,
    cold: false,
    operations: count,
    bytes: count * size,
    run: (view) => view.firstWrite(paths),
    verify: (copies) => checkCopies(copies, paths, size),
  };
}

function cases({ quick, bigFile }: Settings): Case[] {
  const count = quick ? 100 : 1000;
  const size = bigFile >= GiB ? `${bigFile / GiB} GiB` : `${bigFile / MiB} MiB`;
  const big = singleBranch('big', (branch) => writeBigFile(join(branch, 'big'), bigFile));
  const one = { fresh: true, cold: false, operations: 1 };
  return [
    smallFiles(count, 4 * KiB, '4 KiB'),
    ...(quick ? [] : [smallFiles(count, 64 * KiB, '64 KiB')]),
    {
      ...one,
      title: `first write to a file of ${size}`,
      fixture: big,
      groups: [durable, volatile],
      bytes: bigFile,
      run: (view) => view.firstWrite(['big']),
      verify: (copies) => checkCopies(copies, ['big'], bigFile),
    },
    {
      ...one,
      title: `first write to a sparse file of ${size} with ${SPARSE_DATA} MiB of data`,
      fixture: singleBranch('sparse', (branch) => {
        writeSparseFile(join(branch, 'sparse'), bigFile, SPARSE_DATA);
      }),
      groups: [durable, volatile],
      bytes: SPARSE_DATA * MiB,
      run: (view) => view.firstWrite(['sparse']),
      verify: (copies) => checkCopies(copies, ['sparse'], bigFile),
      stored: (copies) => statSync(join(copies, 'sparse')).blocks * 512,
    },
    {
      ...one,
      title: `chmod of a file of ${size}`,
      fixture: big,
      groups: chmodGroups,
      bytes: bigFile,
      run: (view) => view.chmod('big', 0o600),
    },
  ];
}

export const copyUp: Suite = {
  name: 'copy-up',
  backings: ['ext4', 'xfs', 'btrfs'],
  notes: [
    'First write: open for reading and writing, write one byte, close. node-aufs Union: Union.copyUp(path), awaited ' +
      'one after the other; "all at once": one Union.copyUp(paths).',
    'Durable: the copy is on disk before it has its name. Kernel overlayfs does that by a sync of each file, but not for ' +
      'one that it could clone: on XFS and Btrfs its row in the durable tables has no flush and is no equal of ours; ' +
      '"copy, fsync, rename" is. Volatile: nobody syncs ' +
      '(overlayfs and node-aufs mounted with `volatile`; fuse-overlayfs, unionfs-fuse and cp never do).',
    "Flushes: of the device's cache, counted by the kernel (/sys/block/loopN/stat).",
    'Copy, fsync, rename: node:fs calls without a union, content and mode only, holes are filled where nothing ' +
      'can be cloned, no first write. ' +
      'Plain directory: the same calls on files that need no copy, which is the cost of measuring. ' +
      'cp: one process for all files, its start included, with no first write.',
    'Every round has a fresh mount and an empty writable branch; the lower files are in the page cache; dirty ' +
      'data of the contender before is written out first.',
  ],
  cases,
};
