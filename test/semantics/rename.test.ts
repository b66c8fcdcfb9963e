// SPDX-License-Identifier: MIT
// What rename(2) and renameat2(2) do to names of several branches, beyond the first rules in change.test.ts.
import test from 'ava';
import { scenarios } from '../helpers/scenario.ts';

const OPQ = '.wh..wh..opq';

scenarios(test, [
  // --- RENAME_NOREPLACE
  {
    title: 'NOREPLACE over a lower file',
    upper: { a: 'a' },
    lower: { b: 'b' },
    act: (p) => p.renameNoReplace('a', 'b'),
    fails: 'EEXIST',
    merged: { a: 'a', b: 'b' },
    upperAfter: { a: 'a' },
  },
  {
    title: 'NOREPLACE to a name that was deleted',
    upper: { a: 'a', '.wh.b': '' },
    lower: { b: 'b' },
    act: (p) => p.renameNoReplace('a', 'b'),
    merged: { b: 'a' },
    upperAfter: { b: 'a' },
  },
  {
    title: 'NOREPLACE of a directory over an empty one',
    upper: { d: { x: 'x' } },
    lower: { e: {} },
    act: (p) => p.renameNoReplace('d', 'e'),
    fails: 'EEXIST',
    merged: { d: { x: 'x' }, e: {} },
  },
  {
    title: 'NOREPLACE of a missing file',
    lower: { b: 'b' },
    act: (p) => p.renameNoReplace('a', 'c'),
    fails: 'ENOENT',
    merged: { b: 'b' },
    upperAfter: {},
  },
  // --- RENAME_EXCHANGE
  {
    title: 'EXCHANGE of two lower files',
    lower: { a: 'a', d: { b: 'b' } },
    act: (p) => p.exchange('a', 'd/b'),
    merged: { a: 'b', d: { b: 'a' } },
    upperAfter: { a: 'b', d: { b: 'a' } },
  },
  {
    title: 'EXCHANGE of a lower file and an upper directory',
    upper: { d: { x: 'x' } },
    lower: { a: 'a' },
    act: (p) => p.exchange('a', 'd'),
    merged: { a: { x: 'x' }, d: 'a' },
  },
  {
    title: 'EXCHANGE of two lower directories',
    lower: { d: { x: 'x', both: 'd' }, e: { y: 'y', both: 'e' } },
    on: ['mount', 'union', 'plain'],
    act: (p) => p.exchange('d', 'e'),
    merged: { d: { y: 'y', both: 'e' }, e: { x: 'x', both: 'd' } },
  },
  {
    title: 'EXCHANGE with a missing name',
    lower: { a: 'a' },
    act: (p) => p.exchange('a', 'b'),
    fails: 'ENOENT',
    merged: { a: 'a' },
  },
  {
    title: 'EXCHANGE of a directory and what is in it',
    upper: { d: { s: { x: 'x' } } },
    act: (p) => p.exchange('d', 'd/s'),
    fails: 'EINVAL',
    merged: { d: { s: { x: 'x' } } },
  },
  {
    title: 'EXCHANGE of a symlink and a merged directory',
    upper: { d: { u: 'u' } },
    lower: { d: { l: 'l' }, s: { link: 'd' } },
    on: ['mount', 'union', 'plain'],
    act: (p) => p.exchange('d', 's'),
    merged: { d: { link: 'd' }, s: { u: 'u', l: 'l' } },
  },
  // --- files
  {
    title: 'rename of a file onto itself changes nothing',
    lower: { a: 'a' },
    on: ['mount', 'union', 'plain'],
    act: (p) => p.rename('a', 'a'),
    merged: { a: 'a' },
  },
  {
    title: 'rename of one name of a file onto the other keeps both',
    upper: { a: 'a', b: { hard: 'a' } },
    act: (p) => p.rename('a', 'b'),
    merged: { a: 'a', b: 'a' },
  },
  {
    title: 'rename of one lower name of a file onto the other keeps both',
    lower: { a: 'a', b: { hard: 'a' } },
    on: ['mount', 'union', 'plain'],
    act: (p) => p.rename('a', 'b'),
    merged: { a: 'a', b: 'a' },
  },
  {
    title: 'rename into a directory that only a lower branch has',
    upper: { a: 'a' },
    lower: { d: { s: { x: 'x' } } },
    act: (p) => p.rename('a', 'd/s/x'),
    merged: { d: { s: { x: 'a' } } },
    upperAfter: { d: { s: { x: 'a' } } },
  },
  {
    title: 'rename of an upper file over one whose lower twin is hidden already',
    upper: { a: 'a', b: 'u' },
    lower: [{ '.wh.b': '' }, { b: 'l' }],
    act: (p) => p.rename('a', 'b'),
    merged: { b: 'a' },
    upperAfter: { b: 'a' },
  },
  {
    title: 'rename of an upper file that covers a lower one',
    upper: { a: 'u' },
    lower: { a: 'l' },
    act: (p) => p.rename('a', 'b'),
    merged: { b: 'u' },
    upperAfter: { '.wh.a': '', b: 'u' },
  },
  {
    title: 'rename of a lower symlink',
    lower: { s: { link: 'nowhere' } },
    act: (p) => p.rename('s', 't'),
    merged: { t: { link: 'nowhere' } },
    upperAfter: { '.wh.s': '', t: { link: 'nowhere' } },
  },
  {
    title: 'rename of a missing file over a lower one',
    lower: { b: 'b' },
    act: (p) => p.rename('a', 'b'),
    fails: 'ENOENT',
    merged: { b: 'b' },
    upperAfter: {},
  },
  {
    title: 'rename of a missing file into a file',
    lower: { f: 'f' },
    act: (p) => p.rename('a', 'f/b'),
    fails: 'ENOTDIR',
    upperAfter: {},
  },
  {
    title: 'rename to a name that is too long leaves both branches alone',
    lower: { a: 'a' },
    on: ['mount', 'union'],
    act: (p) => p.rename('a', 'n'.repeat(252)),
    fails: 'ENAMETOOLONG',
    merged: { a: 'a' },
    upperAfter: {},
  },
  // --- directories
  {
    title: 'rename of an emptied lower directory carries no deleted file along',
    upper: { d: { '.wh.x': '' } },
    lower: { d: { x: 'x' }, e: {} },
    on: ['mount', 'union', 'plain'],
    act: (p) => p.rename('d', 'e'),
    merged: { e: {} },
  },
  {
    title: 'rename of a merged directory whose lower part has whiteouts of its own',
    upper: { d: { u: 'u' } },
    lower: [{ d: { '.wh.x': '', m: 'm' } }, { d: { x: 'x', l: 'l' } }],
    on: ['mount', 'union', 'plain'],
    act: (p) => p.rename('d', 'e'),
    merged: { e: { u: 'u', m: 'm', l: 'l' } },
  },
  {
    title: 'rename of a lower directory there and back',
    lower: { d: { x: 'x', s: { y: 'y' } } },
    on: ['mount', 'union', 'plain'],
    act: async (p) => {
      await p.rename('d', 'e');
      await p.rename('e', 'd');
    },
    merged: { d: { x: 'x', s: { y: 'y' } } },
  },
  {
    title: 'a directory made in the place of a renamed one is empty',
    lower: { d: { x: 'x' } },
    on: ['mount', 'union', 'plain'],
    act: async (p) => {
      await p.rename('d', 'e');
      await p.mkdir('d');
    },
    merged: { d: {}, e: { x: 'x' } },
  },
  {
    title: 'what is done in a renamed directory stays there',
    lower: { d: { s: { x: 'x', y: 'y' } } },
    on: ['mount', 'union', 'plain'],
    act: async (p) => {
      await p.rename('d/s', 't');
      await p.appendFile('t/x', '+');
      await p.unlink('t/y');
      await p.writeFile('t/y', 'new');
      await p.unlink('t/y');
    },
    merged: { d: {}, t: { x: 'x+' } },
  },
  {
    title: 'rename of a lower directory out of a lower directory that is then removed',
    lower: { d: { s: { x: 'x' } } },
    on: ['mount', 'union', 'plain'],
    act: async (p) => {
      await p.rename('d/s', 's');
      await p.rmdir('d');
    },
    merged: { s: { x: 'x' } },
  },
  {
    title: 'rename of a directory over its own parent',
    lower: { d: { s: {} } },
    act: (p) => p.rename('d/s', 'd'),
    fails: 'ENOTEMPTY',
    merged: { d: { s: {} } },
  },
  {
    title: 'rename of a file over the directory that it is in',
    lower: { d: { a: 'a' } },
    act: (p) => p.rename('d/a', 'd'),
    fails: 'ENOTEMPTY',
    merged: { d: { a: 'a' } },
    upperAfter: {},
  },
  {
    title: 'rename of a lower directory into itself',
    lower: { d: { s: {} } },
    act: (p) => p.rename('d', 'd/s/t'),
    fails: 'EINVAL',
    merged: { d: { s: {} } },
    upperAfter: {},
  },
  {
    title: 'rename of a directory over a name that was a deleted directory',
    upper: { d: { u: 'u' }, '.wh.e': '' },
    lower: { e: { old: 'old' } },
    act: (p) => p.rename('d', 'e'),
    merged: { e: { u: 'u' } },
    upperAfter: { e: { [OPQ]: '', u: 'u' } },
  },
  {
    title: 'rename of an opaque directory',
    upper: { d: { [OPQ]: '', u: 'u' } },
    lower: { d: { old: 'old' }, e: {} },
    act: (p) => p.rename('d', 'e'),
    merged: { e: { u: 'u' } },
  },
  {
    title: 'a renamed lower directory keeps its hard links joined',
    lower: { d: { a: 'a', b: { hard: 'd/a' } } },
    on: ['mount', 'union', 'plain'],
    act: async (p, t) => {
      await p.rename('d', 'e');
      const [a, b] = [await p.lstat('e/a'), await p.lstat('e/b')];
      t.is(a.ino, b.ino);
      t.is(a.nlink, 2);
      await p.appendFile('e/a', '+');
    },
    merged: { e: { a: 'a+', b: 'a+' } },
  },
]);
