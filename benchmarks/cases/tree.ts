// SPDX-License-Identifier: MIT
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { spread, writeFiles } from '../files.ts';
import type { Case, Settings, Suite, View } from '../suite.ts';
import { mounted, rootOf, shell, singleBranch } from './common.ts';

const KiB = 1024;
// -size makes find ask for the attributes of each file, as most of its tests do.
const FIND = 'find "$0" -size +1000000';
// Through a pipe: to /dev/null GNU tar would not read the files at all.
const TAR = 'tar -cf - -C "$0" . | cat >/dev/null';
const NEW = 'new';

/** How often one thing is done to one tree. */
const TIMES = {
  cold: { column: 'cold', fresh: true, cold: true, repeated: false },
  fresh: { column: 'fresh mount', fresh: true, cold: false, repeated: false },
  again: { column: 'again', fresh: false, cold: false, repeated: true },
} as const;
type Time = keyof typeof TIMES;

function sized(count: number): { many: string; paths: readonly string[] } {
  return { many: count.toLocaleString('en'), paths: spread(count) };
}

function cases({ quick }: Settings): Case[] {
  const { many, paths } = sized(quick ? 500 : 50_000);
  const few = sized(quick ? 300 : 10_000);
  const flat = Array.from({ length: few.paths.length }, (_, i) => `wide/f${i}`);
  const fixture = singleBranch('tree', (branch) => writeFiles(branch, paths, KiB));
  const wide = singleBranch('wide', (branch) => writeFiles(branch, flat, 0));
  const empty = singleBranch('empty', () => {});
  const base = { fixture, groups: [mounted], operations: 1, bytes: 0 };
  const series = (
    id: string,
    title: string,
    times: readonly Time[],
    more: Pick<Case, 'run'> & Partial<Case>,
  ) =>
    times.map((time): Case => {
      const { column, fresh, cold, repeated } = TIMES[time];
      const warm = repeated ? { warm: (view: View) => more.run(view) } : {};
      const named = { id: `${id}-${time}`, title: `${title}, ${column}`, series: { title, column } };
      return { ...base, ...named, fresh, cold, ...warm, ...more };
    });
  const statAll = async (view: View) => {
    if ((await view.stat(few.paths)) !== few.paths.length) throw new Error('not all found');
  };
  return [
    ...series('find', `find over ${many} files`, ['cold', 'fresh', 'again'], {
      run: (view) => shell(view, FIND),
    }),
    ...series('tar', `tar of ${many} files`, ['fresh', 'again'], { run: (view) => shell(view, TAR) }),
    ...series('stat', `stat of ${few.many} files one by one`, ['cold', 'again'], {
      operations: few.paths.length,
      run: statAll,
    }),
    ...series('readdir', `readdir of ${few.many} entries`, ['cold', 'again'], {
      fixture: wide,
      run: (view) => readAll(join(rootOf(view), 'wide'), flat.length),
    }),
    {
      ...base,
      id: 'memory',
      title: `memory of the server after find over ${many} files`,
      groups: [
        {
          title: '',
          baseline: 'fuse-overlayfs',
          contenders: [
            'fuse-overlayfs',
            'unionfs-fuse',
            'mergerfs',
            'node-aufs mount',
            'node-aufs mount, chain index',
          ],
        },
      ],
      measure: 'memory',
      fresh: true,
      cold: false,
      run: (view) => shell(view, FIND),
    },
    {
      ...base,
      fixture: empty,
      id: 'create',
      title: `create ${few.many} files of 4 KiB`,
      fresh: true,
      cold: false,
      operations: few.paths.length,
      before: (view) => makeDirectories(view, few.paths),
      run: (view) => create(view, few.paths),
      after: (view) => rmSync(join(rootOf(view), NEW), { recursive: true }),
    },
    {
      ...base,
      fixture: empty,
      id: 'unlink',
      title: `unlink ${few.many} files of the writable branch`,
      fresh: true,
      cold: false,
      operations: few.paths.length,
      before: (view) => {
        makeDirectories(view, few.paths);
        create(view, few.paths);
      },
      run: (view) => {
        for (const path of few.paths) unlinkSync(join(rootOf(view), NEW, path));
      },
    },
    {
      ...base,
      fixture: singleBranch('rm', (branch) => writeFiles(branch, few.paths, KiB)),
      // A plain directory would have none to remove in the second round.
      groups: [{ ...mounted, contenders: mounted.contenders.filter((name) => name !== 'plain directory') }],
      id: 'rm',
      title: `rm -rf of ${few.many} lower files`,
      fresh: true,
      cold: false,
      run: (view) => shell(view, 'rm -rf "$0"/d*'),
    },
  ];
}

function readAll(directory: string, expected: number): void {
  const found = readdirSync(directory).length;
  if (found !== expected) throw new Error(`read ${found} entries of ${expected}`);
}

function makeDirectories(view: View, paths: readonly string[]): void {
  for (const directory of new Set(paths.map((path) => path.slice(0, path.indexOf('/')))))
    mkdirSync(join(rootOf(view), NEW, directory), { recursive: true });
}

function create(view: View, paths: readonly string[]): void {
  const data = Buffer.alloc(4 * KiB, 'x');
  const prefix = join(rootOf(view), NEW);
  for (const path of paths) {
    const fd = openSync(`${prefix}/${path}`, 'wx');
    writeSync(fd, data);
    closeSync(fd);
  }
}

export const tree: Suite = {
  name: 'tree',
  weight: 5,
  backings: ['ext4'],
  notes: [
    'One read-only branch below an empty writable one; 100 files of 1 KiB in a directory. Cold: a fresh mount, caches ' +
      'dropped. Fresh mount: the branches are in the page cache, nothing of the union is. Again: the same was done before on the same mount.',
    `find: ${FIND}; tar: ${TAR}.`,
    'Memory: proportional set size of all processes of the server. Kernel overlayfs has none; what the kernel itself holds is not counted.',
  ],
  cases,
};
