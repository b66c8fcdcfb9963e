// SPDX-License-Identifier: MIT
// Whiteouts, opaque directories and the names that are reserved for them.
import test from 'ava';
import type { Place } from '../helpers/place.ts';
import { scenarios } from '../helpers/scenario.ts';

const OPQ = '.wh..wh..opq';
const OURS = ['mount', 'union'] as const;
const LONGEST = 'n'.repeat(251);

scenarios(test, [
  {
    title: 'a whiteout wins over an entry of the same name in the same branch',
    lower: [{ '.wh.a': '', a: 'hidden' }, { a: 'old' }],
    on: OURS,
    merged: {},
  },
  {
    title: 'a whiteout hides a whole directory, and one above shows a part of it again',
    upper: { d: { again: 'u' } },
    lower: [{ '.wh.d': '' }, { d: { x: 'x', again: 'l' } }],
    merged: { d: { again: 'u' } },
  },
  {
    title: 'whiteouts and an opaque marker in one directory',
    lower: [{ d: { [OPQ]: '', '.wh.x': '', y: 'y' } }, { d: { x: 'x', z: 'z' } }],
    on: ['mount', 'union', 'plain'], // kernel overlayfs lists a whiteout of an opaque directory
    merged: { d: { y: 'y' } },
  },
  {
    title: 'a whiteout of nothing hides nothing',
    upper: { '.wh.none': '', a: 'a' },
    merged: { a: 'a' },
  },
  {
    title: 'the housekeeping of AUFS in a lower branch is not seen',
    lower: { '.wh..wh.aufs': '', '.wh..wh.plnk': { '1.2': 'x' }, '.wh..wh.orph': {}, a: 'a' },
    on: OURS,
    merged: { a: 'a' },
  },
  {
    title: 'names that only look like whiteouts are ordinary',
    lower: { '.wh': '1', '.whx': '2', 'a.wh.b': '3', wh: '4' },
    act: async (p) => {
      await p.writeFile('.wha', 'new');
      await p.unlink('.whx');
    },
    merged: { '.wh': '1', '.wha': 'new', 'a.wh.b': '3', wh: '4' },
  },
  ...(
    [
      ['mkdir', (p) => p.mkdir('.wh.x')],
      ['symlink', (p) => p.symlink('t', '.wh.x')],
      ['link', (p) => p.link('a', '.wh.x')],
      ['rename to it', (p) => p.rename('a', '.wh.x')],
      ['rename from it', (p) => p.rename('.wh.x', 'b')],
      ['unlink', (p) => p.unlink('.wh.a')],
      ['rmdir', (p) => p.rmdir('.wh.a')],
      ['readdir', (p) => p.readdir('.wh.a')],
      ['read', (p) => p.readFile('.wh.a')],
      ['the opaque marker', (p) => p.writeFile('d/.wh..wh..opq', '')],
      ['the orphans', (p) => p.mkdir('.wh..wh.orph')],
    ] as const satisfies [string, (place: Place) => Promise<unknown>][]
  ).map(([title, act]) => ({
    title: `a reserved name can be neither seen nor made: ${title}`,
    lower: { a: 'a', d: { x: 'x' } },
    on: OURS,
    act,
    fails: 'EPERM',
    merged: { a: 'a', d: { x: 'x' } },
    upperAfter: {},
  })),
  {
    title: 'the longest name can be deleted, made again and renamed',
    lower: { [LONGEST]: 'old' },
    act: async (p) => {
      await p.unlink(LONGEST);
      await p.writeFile(LONGEST, 'new');
      await p.rename(LONGEST, 'short');
    },
    merged: { short: 'new' },
    upperAfter: { [`.wh.${LONGEST}`]: '', short: 'new' },
  },
  {
    title: 'a lower name that is too long for a whiteout cannot be deleted, and stays',
    lower: { ['n'.repeat(255)]: 'x' },
    on: OURS,
    act: (p) => p.unlink('n'.repeat(255)),
    fails: 'ENAMETOOLONG',
    merged: { ['n'.repeat(255)]: 'x' },
    upperAfter: {},
  },
  {
    title: 'a name of 256 bytes',
    act: (p) => p.lstat('n'.repeat(256)),
    fails: 'ENAMETOOLONG',
  },
  // --- directories made over whiteouts
  {
    title: 'a directory made over the whiteout of a file is opaque',
    upper: { '.wh.a': '' },
    lower: { a: 'file' },
    act: (p) => p.mkdir('a'),
    merged: { a: {} },
    upperAfter: { a: { [OPQ]: '' } },
  },
  {
    title: 'a directory made over a whiteout that only a lower branch has is not opaque',
    lower: [{ '.wh.d': '' }, { d: { x: 'x' } }],
    on: OURS,
    act: (p) => p.mkdir('d'),
    merged: { d: {} },
    upperAfter: { d: {} },
  },
  {
    title: 'deleted and made again: nothing of the old directory, whatever is made in it',
    lower: { d: { x: 'x', s: { y: 'y' } } },
    act: async (p) => {
      await p.unlink('d/s/y');
      await p.rmdir('d/s');
      await p.unlink('d/x');
      await p.rmdir('d');
      await p.mkdir('d');
      await p.mkdir('d/s');
      await p.writeFile('d/x', 'new');
    },
    merged: { d: { s: {}, x: 'new' } },
  },
  {
    title: 'made over a whiteout and removed: the whiteout is back, and alone',
    upper: { '.wh.d': '' },
    lower: { d: { x: 'x' } },
    act: async (p) => {
      await p.mkdir('d');
      await p.writeFile('d/y', 'y');
      await p.unlink('d/y');
      await p.rmdir('d');
    },
    merged: {},
    upperAfter: { '.wh.d': '' },
  },
  {
    title: 'unlink in an opaque directory leaves no whiteout',
    upper: { d: { [OPQ]: '', a: 'a' } },
    lower: { d: { a: 'old' } },
    act: (p) => p.unlink('d/a'),
    merged: { d: {} },
    upperAfter: { d: { [OPQ]: '' } },
  },
  {
    title: 'rmdir of an upper directory that covers a lower file',
    upper: { a: {} },
    lower: { a: 'file' },
    act: (p) => p.rmdir('a'),
    merged: {},
    upperAfter: { '.wh.a': '' },
  },
  {
    title: 'unlink of an upper file that covers a lower directory',
    upper: { a: 'file' },
    lower: { a: { x: 'x' } },
    act: (p) => p.unlink('a'),
    merged: {},
    upperAfter: { '.wh.a': '' },
  },
  {
    title: 'a file replaced by a directory, and that by a file',
    lower: { a: 'file' },
    act: async (p) => {
      await p.unlink('a');
      await p.mkdir('a');
      await p.rmdir('a');
      await p.writeFile('a', 'again');
    },
    merged: { a: 'again' },
    upperAfter: { a: 'again' },
  },
  {
    title: 'rmdir of a file',
    lower: { a: 'a' },
    act: (p) => p.rmdir('a'),
    fails: 'ENOTDIR',
    merged: { a: 'a' },
  },
  {
    title: 'rmdir of what is deleted',
    upper: { '.wh.d': '' },
    lower: { d: {} },
    act: (p) => p.rmdir('d'),
    fails: 'ENOENT',
  },
  {
    title: 'a path through a file',
    lower: { a: 'a' },
    act: (p) => p.lstat('a/b'),
    fails: 'ENOTDIR',
  },
  {
    title: 'create in a directory that is deleted',
    upper: { '.wh.d': '' },
    lower: { d: { x: 'x' } },
    act: (p) => p.writeFile('d/new', ''),
    fails: 'ENOENT',
    merged: {},
    upperAfter: { '.wh.d': '' },
  },
]);
