// SPDX-License-Identifier: MIT
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spread, writeFiles } from '../files.ts';
import type { Case, Fixture, Group, Settings, Suite, View } from '../suite.ts';
import { mounted } from './common.ts';

const groups: readonly Group[] = [{ ...mounted, contenders: [...mounted.contenders, 'node-aufs Union'] }];

/** Every branch has every directory, so that none can be passed over; the files are in the lowest one. */
function branches(depth: number, paths: readonly string[]): Fixture {
  return {
    name: `branches-${depth}`,
    async build(directory) {
      const directories = [...new Set(paths.map((path) => path.slice(0, path.indexOf('/'))))];
      const lowers = Array.from({ length: depth }, (_, i) => join(directory, String(i)));
      for (const [i, lower] of lowers.entries()) {
        for (const name of directories) {
          mkdirSync(join(lower, name), { recursive: true });
          writeFileSync(join(lower, name, `only-in-${i}`), '');
        }
      }
      writeFiles(join(directory, String(depth - 1)), paths, 100);
      return lowers;
    },
  };
}

async function expectFound(view: View, paths: readonly string[], expected: number): Promise<void> {
  const found = await view.stat(paths);
  if (found !== expected) throw new Error(`found ${found} of ${expected} files`);
}

function cases({ quick }: Settings): Case[] {
  const count = quick ? 200 : 2000;
  const depths = quick ? [8] : [1, 8, 32, 128, 500];
  const passes = quick ? 2 : 10;
  const present = spread(count);
  const absent = spread(count, 'absent');
  const kinds = [
    { id: 'present', what: 'stat', paths: present, found: count },
    { id: 'absent', what: 'negative look-up', paths: absent, found: 0 },
  ];
  return kinds.flatMap(({ id, what, paths, found }) =>
    (['cold', 'fresh mount', 'warm'] as const).flatMap((time) =>
      depths.map((depth): Case => {
        const once = time !== 'warm';
        const all = once ? paths : Array.from({ length: passes }, () => paths).flat();
        const series = `${what}, ${time}`;
        const column = depth === 1 ? '1 branch' : `${depth} branches`;
        const expected = once ? found : found * passes;
        return {
          id: `${id}-${time.split(' ')[0]}-${depth}`,
          title: `${series}, ${column}`,
          series: { title: series, column },
          fixture: branches(depth, present),
          groups,
          fresh: once,
          cold: time === 'cold',
          operations: all.length,
          bytes: 0,
          ...(once ? {} : { warm: (view: View) => expectFound(view, paths, found) }),
          run: (view) => expectFound(view, all, expected),
        };
      }),
    ),
  );
}

export const lookup: Suite = {
  name: 'lookup',
  weight: 4,
  backings: ['ext4'],
  notes: [
    'N branches: N read-only ones below an empty writable one. Each has all 20 directories; the 2,000 files looked up ' +
      'are in the lowest, 100 in a directory, or (negative look-up) in none.',
    'Cold: a fresh mount, caches dropped, then each name once. Fresh mount: the same without dropping caches. Warm: each name once ' +
      'untimed, then ten times more.',
    'Through a mount: fs.statSync(path, { throwIfNoEntry: false }). node-aufs Union: await union.stat(path), which is a ' +
      'trip to a libuv thread and back. Plain directory: the lowest branch itself; its warm row is what ' +
      'Node itself costs.',
  ],
  cases,
};
