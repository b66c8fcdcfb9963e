// SPDX-License-Identifier: MIT
// Which of several writable branches gets what: a row says the stack, the policies, what is done, and what each branch holds then.
import { writeFile } from 'node:fs/promises';
import type { StackOptions } from '../../lib/options.ts';
import type { Place } from '../helpers/place.ts';
import type { Tree } from '../helpers/tree.ts';
import { onBoth, type Plans, type Rig } from './rig.ts';

interface Row extends StackOptions {
  readonly title: string;
  readonly plans: Plans;
  readonly act: (place: Place, rig: Rig) => Promise<unknown>;
  /** Branches that are not named hold what they held before. */
  readonly after: { readonly [branch: string]: Tree };
}

/** Two writable branches, a read-only one, and a writable one at the bottom. */
const four = (trees: { readonly [name in 'a' | 'b' | 'ro' | 'c']?: Tree }): Plans => ({
  a: { mode: 'rw', tree: trees.a ?? {} },
  b: { mode: 'rw', tree: trees.b ?? {} },
  ro: { mode: 'ro+wh', tree: trees.ro ?? {} },
  c: { mode: 'rw', tree: trees.c ?? {} },
});

/** Writable branches of different sizes, the middle one the largest. */
const disks = (trees: { readonly [name in 'small' | 'big' | 'mid']?: Tree }): Plans => ({
  small: { mode: 'rw', mib: 2, tree: trees.small ?? {} },
  big: { mode: 'rw', mib: 8, tree: trees.big ?? {} },
  mid: { mode: 'rw', mib: 4, tree: trees.mid ?? {} },
});
const MIB = 1024 * 1024;

const CREATE: readonly Row[] = [
  {
    title: 'tdp: the topmost branch that has the directory',
    plans: four({ b: { d: {} }, c: { d: {} } }),
    act: (place) => place.writeFile('d/x', '1'),
    after: { a: {}, b: { d: { x: '1' } }, c: { d: {} } },
  },
  {
    title: 'tdp: the root is in all, so the topmost',
    plans: four({}),
    act: (place) => place.mkdir('d'),
    after: { a: { d: {} }, b: {}, c: {} },
  },
  {
    title: 'tdp: above a read-only branch the next writable one, with the directory',
    plans: four({ ro: { d: { e: {} } } }),
    act: (place) => place.writeFile('d/e/x', '1'),
    after: { a: {}, b: { d: { e: { x: '1' } } }, c: {} },
  },
  {
    title: 'tdp: under a read-only branch nothing hides',
    plans: { ro: { mode: 'ro+wh' }, b: { mode: 'rw' } },
    act: (place) => place.writeFile('x', '1'),
    after: { b: { x: '1' } },
  },
  {
    title: 'rr: each in turn, from the top again after the lowest',
    plans: { a: { mode: 'rw' }, b: { mode: 'rw' }, c: { mode: 'rw' } },
    createPolicy: 'rr',
    act: async (place) => {
      for (const name of ['1', '2', '3', '4', '5', '6', '7']) await place.writeFile(name, name);
    },
    // The first is the topmost, then it goes up from below, as AUFS's counter does.
    after: { a: { 3: '3', 6: '6' }, b: { 2: '2', 5: '5' }, c: { 1: '1', 4: '4', 7: '7' } },
  },
  {
    title: 'mfs: most free space, with the directory',
    plans: disks({ small: { d: { e: {} } } }),
    createPolicy: 'mfs:0',
    act: (place) => place.writeFile('d/e/x', '1'),
    after: { small: { d: { e: {} } }, big: { d: { e: { x: '1' } } }, mid: {} },
  },
  {
    title: 'mfs: of equals the lower',
    plans: { a: { mode: 'rw' }, b: { mode: 'rw' } },
    createPolicy: 'mfs',
    act: (place) => place.writeFile('x', '1'),
    after: { a: {}, b: { x: '1' } },
  },
  {
    title: 'mfs: measures again when the time is over',
    plans: disks({}),
    createPolicy: 'mfs:0',
    act: async (place, rig) => {
      await place.writeFile('x', '1');
      await writeFile(rig.path('big', 'fill'), Buffer.alloc(6 * MIB));
      await place.writeFile('y', '2');
      await writeFile(rig.path('big', 'fill'), '');
    },
    after: { small: {}, big: { x: '1', fill: '' }, mid: { y: '2' } },
  },
  {
    title: 'mfs: does not measure before that',
    plans: disks({}),
    createPolicy: 'mfs:600',
    act: async (place, rig) => {
      await place.writeFile('x', '1');
      await writeFile(rig.path('big', 'fill'), Buffer.alloc(6 * MIB));
      await place.writeFile('y', '2');
      await writeFile(rig.path('big', 'fill'), '');
    },
    after: { small: {}, big: { x: '1', y: '2', fill: '' }, mid: {} },
  },
  {
    title: 'mfsrr: most free space while that has the bytes',
    plans: disks({}),
    createPolicy: `mfsrr:${5 * MIB}:0`,
    act: async (place) => {
      for (const name of ['1', '2', '3']) await place.writeFile(name, name);
    },
    after: { small: {}, big: { 1: '1', 2: '2', 3: '3' }, mid: {} },
  },
  {
    title: 'tdmfs: the topmost with more than the bytes',
    plans: disks({ small: { d: {} }, mid: { d: {} } }),
    createPolicy: `tdmfs:${MIB}:0`,
    act: async (place) => {
      await place.writeFile('x', '1');
      await place.writeFile('d/x', '1');
    },
    after: { small: { x: '1', d: { x: '1' } }, big: {}, mid: { d: {} } },
  },
  {
    title: 'tdmfs: passes over what has less',
    plans: { ...disks({}), mid: { mode: 'rw', mib: 16 } },
    createPolicy: `tdmfs:${5 * MIB}:0`,
    act: (place) => place.writeFile('x', '1'),
    after: { small: {}, big: { x: '1' }, mid: {} },
  },
  {
    title: 'tdmfs: where none has more, most free space',
    plans: disks({}),
    createPolicy: `tdmfs:${100 * MIB}:0`,
    act: (place) => place.writeFile('x', '1'),
    after: { small: {}, big: { x: '1' }, mid: {} },
  },
  {
    title: 'pmfs: most free space of those that have the directory',
    plans: disks({ small: { d: {} }, mid: { d: {} } }),
    createPolicy: 'pmfs:0',
    act: async (place) => {
      await place.writeFile('d/x', '1');
      await place.mkdir('d/e');
      await place.writeFile('y', '1');
    },
    after: { small: { d: {} }, big: { y: '1' }, mid: { d: { e: {}, x: '1' } } },
  },
  {
    title: 'pmfsrr: the same while that has the bytes',
    plans: disks({ small: { d: {} }, mid: { d: {} } }),
    createPolicy: `pmfsrr:${3 * MIB}:0`,
    act: (place) => place.writeFile('d/x', '1'),
    after: { small: { d: {} }, big: {}, mid: { d: { x: '1' } } },
  },
  {
    title: 'pmfsrr: then most free space of all',
    plans: disks({ small: { d: {} }, mid: { d: {} } }),
    createPolicy: `pmfsrr:${6 * MIB}:0`,
    act: (place) => place.writeFile('d/x', '1'),
    after: { small: { d: {} }, big: { d: { x: '1' } }, mid: { d: {} } },
  },
];

const parents = four({ a: { x: {} }, b: { x: {} }, ro: { x: { f: '1', g: '1' } } });
const COPY_UP: readonly Row[] = [
  {
    title: 'tdp: the topmost that has the directory',
    plans: parents,
    copyUpPolicy: 'tdp',
    act: (place) => place.appendFile('x/f', '+'),
    after: { a: { x: { f: '1+' } }, b: { x: {} } },
  },
  {
    title: 'tdp: else the nearest above the file',
    plans: four({ ro: { x: { f: '1' } } }),
    copyUpPolicy: 'tdp',
    act: (place) => place.appendFile('x/f', '+'),
    after: { a: {}, b: { x: { f: '1+' } } },
  },
  {
    title: 'bup: the nearest above the file that has the directory',
    plans: parents,
    copyUpPolicy: 'bup',
    act: (place) => place.appendFile('x/f', '+'),
    after: { a: { x: {} }, b: { x: { f: '1+' } } },
  },
  {
    title: 'bup: which may be far above',
    plans: four({ a: { x: {} }, ro: { x: { f: '1' } } }),
    copyUpPolicy: 'bup',
    act: (place) => place.chmod('x/f', 0o600),
    after: { a: { x: { f: '1' } }, b: {} },
  },
  {
    title: 'bu: the nearest above the file, with the directory',
    plans: four({ a: { x: {} }, ro: { x: { f: '1' } } }),
    copyUpPolicy: 'bu',
    act: (place) => place.appendFile('x/f', '+'),
    after: { a: { x: {} }, b: { x: { f: '1+' } } },
  },
  {
    title: 'bu: the whiteout goes there, too',
    plans: four({ a: { x: {} }, ro: { x: { f: '1' } } }),
    copyUpPolicy: 'bu',
    act: (place) => place.unlink('x/f'),
    after: { a: { x: {} }, b: { x: { '.wh.f': '' } } },
  },
  {
    title: 'a file of a writable branch is written where it is',
    plans: four({ a: { x: {} }, b: { x: {} }, c: { x: { f: '1' } } }),
    act: async (place) => {
      await place.appendFile('x/f', '+');
      await place.chmod('x/f', 0o600);
    },
    after: { a: { x: {} }, b: { x: {} }, c: { x: { f: '1+' } } },
  },
  {
    title: 'a file of a writable branch is removed where it is',
    plans: four({ a: { x: {} }, b: { x: { f: '1' } }, ro: { x: { f: '0' } } }),
    act: (place) => place.unlink('x/f'),
    after: { a: { x: {} }, b: { x: { '.wh.f': '' } } },
  },
];

for (const [kind, rows] of [
  ['create', CREATE],
  ['copy up', COPY_UP],
] as const) {
  for (const { title, plans, act, after, ...options } of rows) {
    onBoth(`${kind} ${title}`, plans, options, async (t, rig, { place }) => {
      const untouched = Object.keys(plans).filter((name) => !(name in after));
      const before = await Promise.all(untouched.map((name) => rig.read(name)));
      await act(place, rig);
      for (const [name, tree] of Object.entries(after)) t.deepEqual(await rig.read(name), tree, name);
      t.deepEqual(await Promise.all(untouched.map((name) => rig.read(name))), before);
      return undefined;
    });
  }
}
