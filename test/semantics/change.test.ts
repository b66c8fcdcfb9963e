// SPDX-License-Identifier: MIT
import test from 'ava';
import { scenarios } from '../helpers/scenario.ts';

const OPQ = '.wh..wh..opq';

scenarios(test, [
  // --- first write
  {
    title: 'the first write copies the file up, with its directories',
    lower: { d: { s: { a: 'old' } } },
    act: (p) => p.appendFile('d/s/a', '+'),
    merged: { d: { s: { a: 'old+' } } },
    upperAfter: { d: { s: { a: 'old+' } } },
  },
  {
    title: 'opening for writing alone copies nothing',
    lower: { a: 'old' },
    on: ['mount', 'union'],
    act: (p) => p.touch('a', 'r+'),
    upperAfter: {},
  },
  {
    title: 'truncation on opening leaves an empty file',
    lower: { a: 'old' },
    act: (p) => p.touch('a', 'w'),
    merged: { a: '' },
    upperAfter: { a: '' },
  },
  {
    title: 'truncation keeps what it keeps',
    lower: { a: '0123456789' },
    act: (p) => p.truncate('a', 4),
    upperAfter: { a: '0123' },
  },
  {
    title: 'a new mode copies the file up, data and all',
    lower: { a: 'data' },
    act: async (p, t) => {
      await p.chmod('a', 0o640);
      t.is((await p.lstat('a')).mode & 0o777, 0o640);
    },
    upperAfter: { a: 'data' },
  },
  {
    title: 'new times copy the file up and are kept',
    lower: { a: 'data' },
    act: async (p, t) => {
      await p.utimes('a', 1000, 2000);
      t.is((await p.lstat('a')).mtimeMs, 2_000_000);
    },
    upperAfter: { a: 'data' },
  },
  {
    title: 'the inode number stays when a file is copied up and renamed',
    lower: { a: 'data' },
    act: async (p, t) => {
      const { ino } = await p.lstat('a');
      await p.appendFile('a', '+');
      t.is((await p.lstat('a')).ino, ino);
      await p.rename('a', 'b');
      t.is((await p.lstat('b')).ino, ino);
    },
  },
  {
    title: 'a copy_up does not move the times of the directories above',
    lower: { d: { a: 'x' } },
    on: ['mount', 'union'],
    act: async (p, t) => {
      await p.utimes('d', 1000, 1000);
      await p.chmod('d/a', 0o600);
      t.is((await p.lstat('d')).mtimeMs, 1_000_000);
    },
  },
  // --- removal
  {
    title: 'unlink of a lower file leaves a whiteout',
    lower: { a: 'old' },
    act: (p) => p.unlink('a'),
    merged: {},
    upperAfter: { '.wh.a': '' },
  },
  {
    title: 'unlink of an upper file leaves none',
    upper: { a: 'x' },
    act: (p) => p.unlink('a'),
    upperAfter: {},
  },
  {
    title: 'unlink of a file that is in both leaves one',
    upper: { a: 'u' },
    lower: { a: 'l' },
    act: (p) => p.unlink('a'),
    merged: {},
    upperAfter: { '.wh.a': '' },
  },
  {
    title: 'unlink of an upper file whose lower twin is hidden already leaves none',
    upper: { a: 'u' },
    lower: [{ '.wh.a': '' }, { a: 'l' }],
    on: ['mount', 'union'],
    act: (p) => p.unlink('a'),
    merged: {},
    upperAfter: {},
  },
  { title: 'unlink of a missing file', act: (p) => p.unlink('a'), fails: 'ENOENT', merged: {} },
  {
    title: 'unlink of a directory',
    lower: { d: {} },
    act: (p) => p.unlink('d'),
    fails: 'EISDIR',
    merged: { d: {} },
  },
  {
    title: 'rmdir of a directory whose entries are all hidden takes the whiteouts along',
    upper: { d: { '.wh.x': '' } },
    lower: { d: { x: 'x' } },
    act: (p) => p.rmdir('d'),
    merged: {},
    upperAfter: { '.wh.d': '' },
  },
  {
    title: 'rmdir of a directory with something from below',
    upper: { d: {} },
    lower: { d: { x: 'x' } },
    act: (p) => p.rmdir('d'),
    fails: 'ENOTEMPTY',
    merged: { d: { x: 'x' } },
  },
  {
    title: 'removing a lower tree leaves one whiteout',
    lower: { d: { x: 'x', s: { y: 'y' } } },
    act: async (p) => {
      await p.unlink('d/s/y');
      await p.rmdir('d/s');
      await p.unlink('d/x');
      await p.rmdir('d');
    },
    merged: {},
    upperAfter: { '.wh.d': '' },
  },
  // --- making anew
  {
    title: 'a file made over a whiteout takes its place',
    upper: { '.wh.a': '' },
    lower: { a: 'old' },
    act: (p) => p.writeFile('a', 'new'),
    merged: { a: 'new' },
    upperAfter: { a: 'new' },
  },
  {
    title: 'a file made and removed over a whiteout leaves it',
    upper: { '.wh.a': '' },
    lower: { a: 'old' },
    act: async (p) => {
      await p.writeFile('a', 'new');
      await p.unlink('a');
    },
    merged: {},
    upperAfter: { '.wh.a': '' },
  },
  {
    title: 'a directory made over a whiteout is opaque',
    upper: { '.wh.d': '' },
    lower: { d: { x: 'x' } },
    act: (p) => p.mkdir('d'),
    merged: { d: {} },
    upperAfter: { d: { [OPQ]: '' } },
  },
  {
    title: 'a directory made where nothing was is not opaque',
    on: ['mount', 'union'],
    act: (p) => p.mkdir('d'),
    upperAfter: { d: {} },
  },
  { title: 'mkdir where a lower file is', lower: { a: 'a' }, act: (p) => p.mkdir('a'), fails: 'EEXIST' },
  {
    title: 'create with O_EXCL where a lower file is',
    lower: { a: 'a' },
    act: (p) => p.touch('a', 'wx'),
    fails: 'EEXIST',
  },
  {
    title: 'a symlink over a whiteout',
    upper: { '.wh.a': '' },
    lower: { a: 'old' },
    act: (p) => p.symlink('t', 'a'),
    merged: { a: { link: 't' } },
    upperAfter: { a: { link: 't' } },
  },
  // --- renaming
  {
    title: 'rename of a lower file',
    lower: { a: 'a' },
    act: (p) => p.rename('a', 'b'),
    merged: { b: 'a' },
    upperAfter: { '.wh.a': '', b: 'a' },
  },
  {
    title: 'rename there and back leaves no whiteout of the old name',
    lower: { a: 'a' },
    act: async (p) => {
      await p.rename('a', 'b');
      await p.rename('b', 'a');
    },
    merged: { a: 'a' },
    upperAfter: { a: 'a' },
  },
  {
    title: 'rename over a lower file',
    lower: { a: 'a', b: 'b' },
    act: (p) => p.rename('a', 'b'),
    merged: { b: 'a' },
    upperAfter: { '.wh.a': '', b: 'a' },
  },
  {
    title: 'rename to a name that was deleted',
    upper: { '.wh.b': '' },
    lower: { a: 'a', b: 'b' },
    act: (p) => p.rename('a', 'b'),
    merged: { b: 'a' },
    upperAfter: { '.wh.a': '', b: 'a' },
  },
  {
    title: 'rename across directories',
    lower: { d: { a: 'a' }, e: { x: 'x' } },
    act: (p) => p.rename('d/a', 'e/a'),
    merged: { d: {}, e: { a: 'a', x: 'x' } },
    upperAfter: { d: { '.wh.a': '' }, e: { a: 'a' } },
  },
  {
    title: 'rename of a lower directory leaves a plain layer',
    lower: { d: { x: 'x', s: { y: 'y' } } },
    on: ['mount', 'union'],
    act: (p) => p.rename('d', 'e'),
    merged: { e: { x: 'x', s: { y: 'y' } } },
  },
  {
    title: 'rename of a merged directory over an empty one',
    upper: { d: { u: 'u' } },
    lower: { d: { x: 'x' }, e: {} },
    on: ['mount', 'union'],
    act: (p) => p.rename('d', 'e'),
    merged: { e: { u: 'u', x: 'x' } },
  },
  {
    title: 'rename of a directory over one whose entries are all hidden',
    upper: { d: { u: 'u' }, e: { '.wh.x': '' } },
    lower: { e: { x: 'x' } },
    act: (p) => p.rename('d', 'e'),
    merged: { e: { u: 'u' } },
    upperAfter: { e: { [OPQ]: '', u: 'u' } },
  },
  {
    title: 'rename of a directory over one that has something',
    upper: { d: { u: 'u' } },
    lower: { e: { x: 'x' } },
    act: (p) => p.rename('d', 'e'),
    fails: 'ENOTEMPTY',
    merged: { d: { u: 'u' }, e: { x: 'x' } },
  },
  {
    title: 'rename of a directory into itself',
    upper: { d: { s: {} } },
    act: (p) => p.rename('d', 'd/s/d'),
    fails: 'EINVAL',
  },
  {
    title: 'rename of a file over a directory',
    upper: { a: 'a', d: {} },
    act: (p) => p.rename('a', 'd'),
    fails: 'EISDIR',
  },
  {
    title: 'rename of a directory over a file',
    upper: { a: 'a', d: {} },
    act: (p) => p.rename('d', 'a'),
    fails: 'ENOTDIR',
  },
  // --- links
  {
    title: 'a link to a lower file is the same file',
    lower: { a: 'a' },
    on: ['mount', 'union'],
    act: async (p, t) => {
      await p.link('a', 'b');
      await p.appendFile('b', '+');
      const [a, b] = [await p.lstat('a'), await p.lstat('b')];
      t.is(a.ino, b.ino);
      t.is(a.nlink, 2);
    },
    merged: { a: 'a+', b: 'a+' },
  },
  {
    title: 'a link to an upper file',
    upper: { a: 'a' },
    act: async (p, t) => {
      await p.link('a', 'b');
      t.is((await p.lstat('a')).nlink, 2);
    },
    merged: { a: 'a', b: 'a' },
    upperAfter: { a: 'a', b: 'a' },
  },
  {
    title: 'a link where a lower file is',
    upper: { a: 'a' },
    lower: { b: 'b' },
    act: (p) => p.link('a', 'b'),
    fails: 'EEXIST',
  },
]);
