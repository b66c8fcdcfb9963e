// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHIVE, TREE } from '../contenders/archives.ts';
import { spread, writeBigFile, writeFiles } from '../files.ts';
import type { Case, Fixture, Group, Settings, Suite, View } from '../suite.ts';
import { rootOf, singleBranch } from './common.ts';

const MiB = 1024 * 1024;

function group(contenders: readonly string[]): readonly Group[] {
  return [{ title: '', baseline: contenders[0] ?? '', contenders }];
}

const applied = group([
  'tar -x, sync -f',
  'tar -x',
  'umoci unpack, sync -f',
  'skopeo copy, sync -f',
  'node-aufs apply',
  'node-aufs apply, no record',
]);
const produced = group([
  'tar -c to a pipe',
  'skopeo copy to dir:',
  'node-aufs diff',
  'node-aufs diff, exact',
]);
const walked = group(['overlayfs, full walk', 'node-aufs layer']);
const contained = group(['overlayfs by hand', 'node-aufs store']);

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

/** Every `step`th file of the machine's own /usr, with the directories it is in. */
function fillFromUsr(tree: string, step: number): void {
  const find = 'cd /usr; find . -xdev ( -type f -o -type l ) -size -16000k -print0'.replace(/[()]/g, '\\$&');
  const script = `${find} | LC_ALL=C sort -z | awk 'BEGIN { RS = ORS = "\\0" } NR % ${step} == 0' | tar --null -T - -cf - | tar -C "$0" -xf -`;
  execFileSync('sh', ['-ec', script, tree]);
}

function archiveCases({ quick, bigFile }: Settings): Case[] {
  const size = quick ? MiB : bigFile;
  const kinds = [
    {
      id: 'system',
      what: `a root file system (${quick ? 'little' : 'a fifth'} of /usr)`,
      fixture: archived('system', (tree) => fillFromUsr(tree, quick ? 1000 : 5)),
      bytes: 0,
    },
    {
      id: 'one',
      what: `one file of ${size / MiB} MiB`,
      fixture: archived('one', (tree) => writeBigFile(join(tree, 'big'), size)),
      bytes: size,
    },
  ];
  const base = { cold: false, operations: 1 };
  return kinds.flatMap(({ id, what, fixture, bytes }): Case[] => [
    {
      ...{ ...base, fixture, bytes, id: `apply-${id}`, title: `apply ${what}`, groups: applied },
      fresh: true,
      run: (view) => view.unpack?.(),
    },
    {
      ...{ ...base, fixture, bytes, id: `diff-${id}`, title: `diff ${what}`, groups: produced },
      fresh: true,
      run: (view) => view.pack?.(),
    },
  ]);
}

const ADDED = 10;

function changeCases({ quick }: Settings): Case[] {
  const count = quick ? 500 : 100_000;
  const fixture = singleBranch('image', (branch) => writeFiles(branch, spread(count), 100));
  const base = { fixture, groups: walked, fresh: false, cold: false, operations: 1, bytes: 0 };
  const expect = (what: string, found: number | undefined, wanted: number) => {
    if (found !== wanted) throw new Error(`${what} gave ${found} instead of ${wanted}`);
  };
  const on = `on ${count.toLocaleString('en')} files`;
  const add = (view: View) => {
    for (let i = 0; i < ADDED; i++) writeFileSync(join(rootOf(view), `new-${i}`), 'new');
  };
  return [
    { id: 'empty', what: 'an empty layer', files: 0, warm: () => {} },
    { id: 'ten', what: `a layer of ${ADDED} files`, files: ADDED, warm: add },
  ].flatMap(({ id, what, files, warm }): Case[] => [
    {
      ...{ ...base, id: `changes-${id}`, title: `changes of ${what} ${on}`, warm },
      run: async (view) => expect('changes', await view.changes?.(), files),
    },
    {
      ...{ ...base, id: `size-${id}`, title: `diff size of ${what} ${on}`, warm },
      run: async (view) => expect('diff size', await view.diffSize?.(), files * 3),
    },
  ]);
}

function containerCases({ quick }: Settings): Case[] {
  const base = {
    fixture: singleBranch('small-image', (branch) => writeFiles(branch, spread(10), 100)),
    groups: contained,
    fresh: false,
    cold: false,
    bytes: 0,
  };
  const many = quick ? 4 : 64;
  const others = quick ? 10 : 1000;
  const whole = async (view: View, count: number) => {
    await view.makeContainers?.(count);
    await view.removeContainers?.();
  };
  return [
    {
      ...{ ...base, id: 'create-mount', title: 'create and mount a container', operations: 1 },
      run: (view) => view.makeContainers?.(1),
      after: (view) => view.removeContainers?.(),
    },
    {
      ...{ ...base, id: 'create-mount-beside', operations: 1 },
      title: `create and mount a container beside ${others.toLocaleString('en')} others`,
      warm: (view) => view.keepLayers?.(others),
      run: (view) => view.makeContainers?.(1),
      after: (view) => view.removeContainers?.(),
    },
    {
      ...{ ...base, id: 'container', title: 'create, mount, unmount, remove', operations: 1 },
      run: (view) => whole(view, 1),
    },
    {
      ...{
        ...base,
        id: 'containers',
        title: `create, mount, unmount, remove, ${many} at once`,
        operations: many,
      },
      run: (view) => whole(view, many),
    },
  ];
}

export const store: Suite = {
  name: 'store',
  weight: 6,
  backings: ['ext4'],
  notes: [
    'apply: an archive of GNU tar from a file into a new layer, its SHA-256 taken, everything on disk (syncfs) at the end, ' +
      'and the tar-split record kept unless "no record". tar -x does none of that; tar -x, sync -f writes back as we do.',
    'diff: a layer as an archive, read in this process and thrown away. tar -c to a pipe: written to a pipe and thrown away. ' +
      'Exact: the same bytes that were applied, every checksum and the digest of the whole looked at.',
    'umoci, skopeo: of an OCI image whose only layer is the same archive, then sync -f; skopeo into containers-storage with its overlay driver, ' +
      'and out of it into a directory of blobs. umoci repack is no equal of diff: it compares the whole bundle and compresses.',
    'Changes: overlayfs, full walk: find in the lower tree and in the mount, sorted and compared. Containers: overlayfs by hand keeps no record of what it makes and ' +
      'syncs nothing; a layer of the store is on disk when it is made.',
    'Files and archive are in the page cache. tar is a process of its own, its start included.',
  ],
  cases: (settings) => [...containerCases(settings), ...archiveCases(settings), ...changeCases(settings)],
};
