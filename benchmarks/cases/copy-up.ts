// SPDX-License-Identifier: MIT
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { spread, writeBigFile, writeFiles, writeSparseFile } from '../files.ts';
import type { Case, Group, Settings, Suite, View } from '../suite.ts';
import { rootOf, singleBranch } from './common.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const SPARSE_DATA = 1;
const THREADS = 4;
const BYTE = Buffer.from('x');

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
    'mergerfs',
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

/** Throws unless every path is there, copied whole: the first write does not change the size. */
function checkCopies(copies: string, paths: readonly string[], size: number): void {
  for (const path of paths) {
    const found = statSync(join(copies, path)).size;
    if (found !== size) throw new Error(`copied ${path} to ${found} bytes instead of ${size}`);
  }
}

/** mergerfs would write to the lower file: {@link View.firstWrite} of it knows. */
const NOT_THROUGH_A_MOUNT = /^cp |^copy|Union|mergerfs/;

/** First writes by several threads: as many as the pool of libuv has. */
async function firstWriteByThreads(view: View, paths: readonly string[]): Promise<void> {
  const root = rootOf(view);
  const lane = async (first: number) => {
    for (let i = first; i < paths.length; i += THREADS) {
      const file = await open(join(root, paths[i] ?? ''), 'r+');
      await file.write('x', 0);
      await file.close();
    }
  };
  await Promise.all(Array.from({ length: THREADS }, (_, i) => lane(i)));
}

function smallFiles(count: number, size: number, id: string): Case {
  const paths = spread(count);
  return {
    id,
    title: `first write to each of ${count.toLocaleString('en')} files of ${size / KiB} KiB`,
    fixture: singleBranch(`small-${count}-${size}`, (branch) => writeFiles(branch, paths, size)),
    groups: manyFiles,
    fresh: true,
    cold: false,
    operations: count,
    bytes: count * size,
    run: (view) => view.firstWrite(paths),
    verify: (copies) => checkCopies(copies, paths, size),
  };
}

function byThreads(one: Case, paths: readonly string[]): Case {
  return {
    ...one,
    id: `${one.id}-threads`,
    title: `${one.title}, ${THREADS} threads`,
    groups: [durable, volatile].map((group) => ({
      ...group,
      contenders: group.contenders.filter((name) => !NOT_THROUGH_A_MOUNT.test(name)),
    })),
    run: (view) => firstWriteByThreads(view, paths),
  };
}

/** cp does not sync, so its equal is volatile. */
function whole(count: number): Case {
  const group = {
    title: 'volatile',
    baseline: 'cp -a --reflink=auto',
    contenders: ['cp -a --reflink=auto', 'node-aufs Union volatile', 'node-aufs Union volatile, all at once'],
  };
  const title = `Union.copyUp of ${count.toLocaleString('en')} files of 4 KiB`;
  return { ...smallFiles(count, 4 * KiB, 'copy-up-many'), title, groups: [group] };
}

/** Whoever copies a file behind has done so when it has been open for writing and is closed. */
function waitForCopy(view: View, path: string): void {
  if (view.root !== undefined) closeSync(openSync(join(view.root, path), 'r+'));
}

/** Times until the first write of one file returns; what is left is done when it is closed, which is not timed. */
function beginWrite(paths: readonly string[]): Pick<Case, 'run' | 'after'> {
  let fd: number | undefined;
  return {
    run(view) {
      fd = openSync(join(rootOf(view), paths[0] ?? ''), 'r+');
      writeSync(fd, BYTE, 0, 1, 0);
    },
    after() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function oneFile(id: string, name: string, size: number, label: string, sparse: boolean): Case {
  const pieces = Math.min(SPARSE_DATA, size / MiB);
  return {
    id,
    title: `first write to ${sparse ? `a sparse file of ${label} with ${pieces} MiB of data` : `a file of ${label}`}`,
    fixture: singleBranch(name, (branch) => {
      const path = join(branch, name);
      if (sparse) writeSparseFile(path, size, pieces);
      else if (size < MiB) writeFiles(branch, [name], size);
      else writeBigFile(path, size);
    }),
    groups: [durable, volatile],
    fresh: true,
    cold: false,
    operations: 1,
    bytes: sparse ? pieces * MiB : size,
    run: (view) => view.firstWrite([name]),
    verify: (copies) => checkCopies(copies, [name], size),
    ...(sparse ? { stored: (copies: string) => statSync(join(copies, name)).blocks * 512 } : {}),
  };
}

function cases({ quick, bigFile }: Settings): Case[] {
  const count = quick ? 100 : 1000;
  const label = bigFile >= GiB ? `${bigFile / GiB} GiB` : `${bigFile / MiB} MiB`;
  const sparse = quick ? bigFile : 10 * GiB;
  const onlyMounted = [durable, volatile].map((group) => ({
    ...group,
    contenders: group.contenders.filter((name) => !NOT_THROUGH_A_MOUNT.test(name)),
  }));
  const small = smallFiles(count, 4 * KiB, 'small');
  const tiny = oneFile('one-small', 'tiny', 4 * KiB, '4 KiB', false);
  const big = oneFile('one-big', 'big', bigFile, label, false);
  const begun = (one: Case, name: string): Case => ({
    ...one,
    ...beginWrite([name]),
    id: `${one.id}-begin`,
    title: `${one.title}, until the write returns`,
    groups: onlyMounted,
  });
  return [
    small,
    byThreads(small, spread(count)),
    smallFiles(count, 64 * KiB, 'medium'),
    whole(quick ? 200 : 10_000),
    tiny,
    begun(tiny, 'tiny'),
    big,
    begun(big, 'big'),
    oneFile('sparse', 'sparse', sparse, quick ? label : '10 GiB', true),
    {
      ...big,
      id: 'chmod',
      title: `chmod of a file of ${label}, until it is copied`,
      groups: chmodGroups,
      async run(view) {
        await view.chmod('big', 0o600);
        waitForCopy(view, 'big');
      },
    },
    {
      ...big,
      id: 'chmod-begin',
      title: `chmod of a file of ${label}, until it returns`,
      groups: onlyMounted,
      run: (view) => view.chmod('big', 0o600),
      after: (view) => waitForCopy(view, 'big'),
    },
  ];
}

export const copyUp: Suite = {
  name: 'copy-up',
  weight: 7,
  backings: ['ext4', 'xfs', 'btrfs'],
  notes: [
    'First write: open for reading and writing, write one byte, close. node-aufs Union: Union.copyUp(path), awaited ' +
      'one after the other; "all at once": one Union.copyUp(paths).',
    'Durable: the data of the copy is on disk before its name. Kernel overlayfs does that by a sync of each file, but not for ' +
      'one that it could clone (on Btrfs its row in the durable tables is no equal of ours; "copy, fsync, rename" is); node-aufs ' +
      'by waiting for the data where the file system keeps order, else by a sync. Volatile: nobody syncs or waits ' +
      '(overlayfs and node-aufs mounted with `volatile`; fuse-overlayfs, unionfs-fuse and cp never do).',
    'Until the write returns: opened and written, closing ' +
      'is not timed. Chmod until it is copied: opened for writing and closed after it, which waits for a copy that is made behind. ' +
      'Threads: the four of the libuv pool, each with a file of its own.',
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
