// SPDX-License-Identifier: MIT
// Files of several names, and symlinks.
import test from 'ava';
import type { Place } from '../helpers/place.ts';
import { scenarios } from '../helpers/scenario.ts';

/** As on any file system; kernel overlayfs breaks hard links of lower files where it has no index. */
const JOINED = ['mount', 'union', 'plain'] as const;

async function counts(p: Place, ...paths: string[]): Promise<number[]> {
  return Promise.all(paths.map(async (path) => (await p.lstat(path)).nlink));
}

scenarios(test, [
  {
    title: 'writing to one name of a lower file is seen under all',
    lower: { a: 'a', b: { hard: 'a' }, d: { c: { hard: 'a' } } },
    on: JOINED,
    act: async (p, t) => {
      t.deepEqual(await counts(p, 'a', 'b', 'd/c'), [3, 3, 3]);
      await p.appendFile('b', '+');
      t.deepEqual(await counts(p, 'a', 'b', 'd/c'), [3, 3, 3]);
    },
    merged: { a: 'a+', b: 'a+', d: { c: 'a+' } },
  },
  {
    title: 'truncation of one name of a lower file is seen under all',
    lower: { a: 'abc', b: { hard: 'a' } },
    on: JOINED,
    act: (p) => p.touch('b', 'w'),
    merged: { a: '', b: '' },
  },
  {
    title: 'a new mode of one name of a lower file is seen under all',
    lower: { a: 'a', b: { hard: 'a' } },
    on: JOINED,
    act: async (p, t) => {
      await p.chmod('b', 0o611);
      t.is((await p.lstat('a')).mode & 0o777, 0o611);
      t.is((await p.lstat('a')).ino, (await p.lstat('b')).ino);
    },
    merged: { a: 'a', b: 'a' },
  },
  {
    title: 'one name of a lower file less, one to st_nlink less',
    lower: { a: 'a', b: { hard: 'a' }, c: { hard: 'a' } },
    act: async (p, t) => {
      await p.unlink('b');
      t.deepEqual(await counts(p, 'a', 'c'), [2, 2]);
    },
    on: JOINED,
    merged: { a: 'a', c: 'a' },
    upperAfter: { '.wh.b': '' },
  },
  {
    title: 'a name of a lower file that was written to is removed',
    lower: { a: 'a', b: { hard: 'a' }, c: { hard: 'a' } },
    on: JOINED,
    act: async (p, t) => {
      await p.appendFile('a', '+');
      await p.unlink('a');
      t.deepEqual(await counts(p, 'b', 'c'), [2, 2]);
      await p.unlink('b');
      t.deepEqual(await counts(p, 'c'), [1]);
    },
    merged: { c: 'a+' },
  },
  {
    title: 'rename over one name of a lower file leaves the others',
    lower: { a: 'a', b: { hard: 'a' }, x: 'x' },
    on: JOINED,
    act: async (p, t) => {
      await p.rename('x', 'a');
      t.deepEqual(await counts(p, 'a', 'b'), [1, 1]);
      await p.appendFile('b', '+');
    },
    merged: { a: 'x', b: 'a+' },
  },
  {
    title: 'a renamed name of a lower file is still the same file',
    lower: { a: 'a', b: { hard: 'a' } },
    on: JOINED,
    act: async (p, t) => {
      await p.rename('a', 'z');
      t.is((await p.lstat('z')).ino, (await p.lstat('b')).ino);
      await p.appendFile('b', '+');
      t.deepEqual(await counts(p, 'b', 'z'), [2, 2]);
    },
    merged: { b: 'a+', z: 'a+' },
  },
  {
    title: 'all names of a lower file removed and one made anew',
    lower: { a: 'a', b: { hard: 'a' } },
    on: JOINED,
    act: async (p, t) => {
      await p.unlink('a');
      await p.unlink('b');
      await p.writeFile('a', 'new');
      t.deepEqual(await counts(p, 'a'), [1]);
    },
    merged: { a: 'new' },
    upperAfter: { '.wh.b': '', a: 'new' },
  },
  {
    title: 'a link to a lower file copies it up under the new name only',
    lower: { d: { a: 'a' } },
    on: ['mount', 'union'],
    act: (p) => p.link('d/a', 'b'),
    merged: { b: 'a', d: { a: 'a' } },
  },
  {
    title: 'a link moves the time of the directory that it is made in',
    lower: { a: 'a', d: {} },
    act: async (p, t) => {
      await p.utimes('d', 1000, 1000);
      await p.link('a', 'd/b');
      t.true((await p.lstat('d')).mtimeMs > 1_000_000);
    },
    merged: { a: 'a', d: { b: 'a' } },
  },
  {
    title: 'a link of an upper file moves the time of the directory that it is made in',
    upper: { a: 'a', d: {} },
    act: async (p, t) => {
      await p.utimes('d', 1000, 1000);
      await p.link('a', 'd/b');
      t.true((await p.lstat('d')).mtimeMs > 1_000_000);
    },
  },
  {
    title: 'a link over a whiteout',
    upper: { '.wh.b': '' },
    lower: { a: 'a', b: 'b' },
    act: (p) => p.link('a', 'b'),
    merged: { a: 'a', b: 'a' },
  },
  {
    title: 'a link to a lower symlink is the symlink',
    lower: { s: { link: 'nowhere' } },
    act: (p) => p.link('s', 't'),
    merged: { s: { link: 'nowhere' }, t: { link: 'nowhere' } },
  },
  {
    title: 'a link to a directory',
    lower: { d: {} },
    act: (p) => p.link('d', 'e'),
    fails: 'EPERM',
    merged: { d: {} },
    upperAfter: {},
  },
  { title: 'a link to a missing file', act: (p) => p.link('a', 'b'), fails: 'ENOENT', upperAfter: {} },
  {
    title: 'a link into a missing directory',
    lower: { a: 'a' },
    act: (p) => p.link('a', 'd/b'),
    fails: 'ENOENT',
    upperAfter: {},
  },
  {
    title: 'unlink of a symlink leaves what it leads to',
    lower: { a: 'a', s: { link: 'a' } },
    act: (p) => p.unlink('s'),
    merged: { a: 'a' },
    upperAfter: { '.wh.s': '' },
  },
  {
    title: 'writing through a lower symlink copies up what it leads to',
    lower: { d: { a: 'a' }, s: { link: 'd/a' } },
    act: (p) => p.appendFile('s', '+'),
    merged: { d: { a: 'a+' }, s: { link: 'd/a' } },
    upperAfter: { d: { a: 'a+' } },
  },
  {
    title: 'creating through a dangling lower symlink makes what it leads to',
    lower: { d: {}, s: { link: 'd/new' } },
    act: (p) => p.writeFile('s', 'x'),
    merged: { d: { new: 'x' }, s: { link: 'd/new' } },
    upperAfter: { d: { new: 'x' } },
  },
  {
    title: 'a symlink to itself',
    lower: { s: { link: 's' } },
    act: (p) => p.readFile('s'),
    fails: 'ELOOP',
  },
  { title: 'readlink of a file', lower: { a: 'a' }, act: (p) => p.readlink('a'), fails: 'EINVAL' },
]);
