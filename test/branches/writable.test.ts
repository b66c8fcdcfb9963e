// SPDX-License-Identifier: MIT
// Whiteouts, renames and links on a stack of several writable branches. Each row is played on the mount and in process; what is seen at
// the end is seen again by a union that is opened anew.
import { Union } from '../../lib/union.ts';
import { look } from '../helpers/look.ts';
import { type Place, UnionPlace } from '../helpers/place.ts';
import type { Tree } from '../helpers/tree.ts';
import { onBoth, type Plans } from './rig.ts';

interface Row {
  readonly title: string;
  readonly a?: Tree;
  readonly b?: Tree;
  readonly ro?: Tree;
  readonly c?: Tree;
  readonly act: (place: Place) => Promise<unknown>;
  /** errno name, or several, one of which `act` may fail with: then `merged` does not count. */
  readonly may?: readonly string[];
  readonly merged: Tree;
  readonly after?: { readonly [branch: string]: Tree };
}

const ROWS: readonly Row[] = [
  {
    title: 'create over a whiteout of the upper writable branch: there',
    a: { '.wh.x': '' },
    b: { x: 'old' },
    act: (place) => place.writeFile('x', 'new'),
    merged: { x: 'new' },
    after: { a: { x: 'new' }, b: { x: 'old' } },
  },
  {
    title: 'create over a whiteout of the lower writable branch',
    b: { d: { '.wh.x': '' } },
    ro: { d: { x: 'old' } },
    act: (place) => place.writeFile('d/x', 'new'),
    merged: { d: { x: 'new' } },
    after: { a: {}, b: { d: { x: 'new' } } },
  },
  {
    title: 'mkdir over a whiteout of the lower writable branch is opaque',
    b: { d: { '.wh.x': '' } },
    ro: { d: { x: { old: '' } } },
    act: (place) => place.mkdir('d/x'),
    merged: { d: { x: {} } },
    after: { a: {}, b: { d: { x: { '.wh..wh..opq': '' } } } },
  },
  {
    title: 'mkdir in the upper branch over a whiteout of the lower one',
    a: { d: {} },
    b: { d: { '.wh.x': '' } },
    ro: { d: { x: { old: '' } } },
    act: (place) => place.mkdir('d/x'),
    merged: { d: { x: {} } },
  },
  {
    title: 'unlink in the lower branch, then create, unlink and create again',
    a: { d: {} },
    c: { d: { x: 'c' } },
    act: async (place) => {
      await place.unlink('d/x');
      await place.writeFile('d/x', '1');
      await place.unlink('d/x');
      await place.writeFile('d/x', '2');
    },
    merged: { d: { x: '2' } },
  },
  {
    title: 'unlink of what is in two writable branches and below',
    a: { x: 'a' },
    b: { x: 'b' },
    ro: { x: 'ro' },
    act: (place) => place.unlink('x'),
    merged: {},
  },
  {
    title: 'rmdir of a directory of all branches that shows nothing',
    a: { d: { '.wh.x': '' } },
    b: { d: {} },
    ro: { d: { x: '' } },
    c: { d: { x: '' } },
    act: async (place) => {
      await place.rmdir('d');
      await place.mkdir('d');
      await place.writeFile('d/y', 'new');
    },
    merged: { d: { y: 'new' } },
  },
  {
    title: 'rename of a file over one of a higher branch',
    a: { y: 'a' },
    b: { x: 'b' },
    act: (place) => place.rename('x', 'y'),
    merged: { y: 'b' },
  },
  {
    title: 'rename of a file over one of a lower branch',
    a: { x: 'a' },
    b: { y: 'b' },
    act: (place) => place.rename('x', 'y'),
    merged: { y: 'a' },
    after: { a: { y: 'a' } },
  },
  {
    title: 'rename of a read-only file over one that the upper branch has a whiteout of',
    a: { '.wh.y': '' },
    b: { y: 'hidden' },
    ro: { x: 'ro' },
    act: (place) => place.rename('x', 'y'),
    merged: { y: 'ro' },
  },
  {
    title: 'rename of a file of a lower branch to where the upper one has a whiteout',
    a: { '.wh.y': '' },
    b: { x: 'b', y: 'hidden' },
    act: (place) => place.rename('x', 'y'),
    merged: { y: 'b' },
  },
  {
    title: 'rename of a directory of a lower branch to where the upper one has a whiteout',
    a: { '.wh.e': '' },
    b: { d: { x: 'b' }, e: { old: '' } },
    ro: { d: { y: 'ro' } },
    act: (place) => place.rename('d', 'e'),
    merged: { e: { x: 'b', y: 'ro' } },
  },
  {
    title: 'rename of a directory of all branches into one of the lowest',
    a: { d: { a: 'a' } },
    b: { d: { b: 'b' } },
    ro: { d: { r: 'r', e: { in: '' } } },
    c: { d: { c: 'c' }, to: {} },
    act: (place) => place.rename('d', 'to/d'),
    merged: { to: { d: { a: 'a', b: 'b', c: 'c', r: 'r', e: { in: '' } } } },
  },
  {
    title: 'rename of a directory over an empty one of a higher branch',
    a: { e: {} },
    b: { d: { x: 'b' }, e: {} },
    c: { e: {} },
    act: (place) => place.rename('d', 'e'),
    merged: { e: { x: 'b' } },
  },
  {
    title: 'a renamed directory does not merge with what the lowest branch has there',
    b: { d: { x: 'b' } },
    c: { e: { old: '' } },
    act: async (place) => {
      await place.unlink('e/old');
      await place.rmdir('e');
      await place.rename('d', 'e');
    },
    merged: { e: { x: 'b' } },
  },
  {
    title: 'exchange of files of different branches',
    a: { x: 'a' },
    c: { y: 'c' },
    act: (place) => place.exchange('x', 'y'),
    merged: { x: 'c', y: 'a' },
  },
  {
    title: 'exchange of directories of different branches',
    a: { d: { x: 'a' } },
    ro: { d: { r: '' }, e: { s: '' } },
    c: { e: { y: 'c' } },
    act: (place) => place.exchange('d', 'e'),
    merged: { d: { s: '', y: 'c' }, e: { x: 'a', r: '' } },
  },
  {
    title: 'exchange of a file with a directory of another branch',
    b: { x: 'b' },
    c: { d: { y: 'c' } },
    act: (place) => place.exchange('x', 'd'),
    merged: { x: { y: 'c' }, d: 'b' },
  },
  {
    title: 'exchange where a whiteout of the middle branch lies under the one and the other is below it',
    a: { d: { x: 'a' } },
    b: { '.wh.y': '', d: { '.wh.y': '' } },
    c: { z: 'c' },
    act: (place) => place.exchange('d/x', 'z'),
    merged: { d: { x: 'c' }, z: 'a' },
  },
  {
    title: 'a link of a file of the lowest branch into a directory that is opaque above',
    a: { d: { '.wh..wh..opq': '' } },
    c: { x: 'c', d: { old: '' } },
    act: (place) => place.link('x', 'd/x'),
    may: ['EXDEV'],
    merged: { x: 'c', d: { x: 'c' } },
  },
  {
    title: 'a link of a file of the lowest branch to a name with a whiteout above',
    a: { '.wh.y': '' },
    c: { x: 'c', y: 'hidden' },
    act: (place) => place.link('x', 'y'),
    may: ['EXDEV'],
    merged: { x: 'c', y: 'c' },
  },
  {
    title: 'a link of a file of the lowest branch into a directory made over a file of a middle branch',
    a: { d: {} },
    b: { d: 'file' },
    c: { x: 'c', d: { old: '' } },
    act: (place) => place.link('x', 'd/x'),
    may: ['EXDEV'],
    merged: { x: 'c', d: { x: 'c' } },
  },
  {
    title: 'a link of a file of the lowest branch into a directory that only a higher one has',
    a: { d: { e: {} } },
    c: { x: 'c' },
    act: (place) => place.link('x', 'd/e/x'),
    may: ['EXDEV'],
    merged: { x: 'c', d: { e: { x: 'c' } } },
  },
  {
    title: 'a hard link of the lowest branch, one of whose names is renamed over one of the top',
    a: { y: 'a' },
    c: { x: 'c', z: { hard: 'x' } },
    act: async (place) => {
      await place.rename('x', 'y');
      await place.appendFile('z', '+');
    },
    may: ['EXDEV'],
    merged: { y: 'c+', z: 'c+' },
  },
];

for (const { title, act, may = [], merged, after = {}, ...trees } of ROWS) {
  const plans: Plans = {
    a: { mode: 'rw', tree: trees.a ?? {} },
    b: { mode: 'rw', tree: trees.b ?? {} },
    ro: { mode: 'ro+wh', tree: trees.ro ?? {} },
    c: { mode: 'rw', tree: trees.c ?? {} },
  };
  onBoth(title, plans, {}, async (t, rig, { place }) => {
    const before = await look(place);
    const error = await act(place).then(
      () => undefined,
      (e: NodeJS.ErrnoException) => e,
    );
    if (error !== undefined && !may.includes(String(error.code))) throw error;
    const wanted = error === undefined ? merged : before;
    t.deepEqual(await look(place), wanted);
    return async () => {
      await using again = await Union.open({ branches: rig.branches, readOnly: true });
      t.deepEqual(await look(new UnionPlace(again)), wanted, 'opened anew');
      for (const [name, tree] of Object.entries(after)) t.deepEqual(await rig.read(name), tree, name);
      t.deepEqual(await rig.read('ro'), trees.ro ?? {});
    };
  });
}
