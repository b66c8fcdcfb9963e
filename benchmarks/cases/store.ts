// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHIVE, TREE } from '../contenders/archives.ts';
import { spread, writeBigFile, writeFiles } from '../files.ts';
import type { Case, Fixture, Group, Settings, Suite } from '../suite.ts';

const MiB = 1024 * 1024;
const FILE_SIZE = 10_000;

const applied: readonly Group[] = [
  {
    title: '',
    baseline: 'tar -x, sync -f',
    contenders: ['tar -x, sync -f', 'tar -x', 'node-aufs apply', 'node-aufs apply, no record'],
  },
];
const produced: readonly Group[] = [
  {
    title: '',
    baseline: 'tar -c to a pipe',
    contenders: ['tar -c to a pipe', 'node-aufs diff', 'node-aufs diff, exact'],
  },
];

/** A tree, and GNU tar's archive of it. */
function archived(name: string, fill: (tree: string) => void): Fixture {
  return {
    name,
    async build(directory) {
      const tree = join(directory, TREE);
      mkdirSync(tree);
      fill(tree);
      execFileSync('tar', [
        '--format=posix',
        '--sort=name',
        '-C',
        tree,
        '-cf',
        join(directory, ARCHIVE),
        '.',
      ]);
      return [directory];
    },
  };
}

function cases({ quick, bigFile }: Settings): Case[] {
  const count = quick ? 200 : 20_000;
  const size = quick ? MiB : bigFile;
  const kinds = [
    {
      what: `${count.toLocaleString('en')} files of ${FILE_SIZE / 1000} kB`,
      fixture: archived('many', (tree) => writeFiles(tree, spread(count), FILE_SIZE)),
      operations: count,
      bytes: count * FILE_SIZE,
    },
    {
      what: `one file of ${size / MiB} MiB`,
      fixture: archived('one', (tree) => writeBigFile(join(tree, 'big'), size)),
      operations: 1,
      bytes: size,
    },
  ];
  return kinds.flatMap(({ what, ...rest }): Case[] => [
    {
      ...rest,
      title: `apply ${what}`,
      groups: applied,
      fresh: true,
      cold: false,
      run: (view) => view.unpack?.(),
    },
    {
      ...rest,
      title: `diff ${what}`,
      groups: produced,
      fresh: false,
      cold: false,
      run: (view) => view.pack?.(),
    },
  ]);
}

export const store: Suite = {
  name: 'store',
  backings: ['ext4'],
  notes: [
    'apply: an archive of GNU tar from a file into a new layer, its SHA-256 taken, everything on disk (syncfs) at the end, ' +
      'and the tar-split record kept unless "no record". tar -x does none of that; tar -x, sync -f writes back as we do.',
    'diff: a layer as an archive, read in this process and thrown away. tar -c to a pipe: written to a pipe and thrown away. ' +
      'Exact: the same bytes that were applied, every checksum and the digest of the whole looked at.',
    'Files and archive are in the page cache. tar is a process of its own, its start included.',
  ],
  cases,
};
