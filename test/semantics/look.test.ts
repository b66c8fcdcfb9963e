// SPDX-License-Identifier: MIT
import test from 'ava';
import { scenarios } from '../helpers/scenario.ts';

const OPQ = '.wh..wh..opq';

scenarios(test, [
  {
    title: 'an upper file hides a lower one',
    upper: { a: 'new' },
    lower: { a: 'old', b: 'b' },
    merged: { a: 'new', b: 'b' },
  },
  {
    title: 'directories of all branches merge, the topmost file of a name is seen',
    upper: { d: { u: 'u' } },
    lower: [{ d: { x: '1', s: { a: '1' } } }, { d: { x: '2', y: '2', s: { b: '2' } } }],
    merged: { d: { u: 'u', x: '1', y: '2', s: { a: '1', b: '2' } } },
  },
  {
    title: 'a whiteout hides the name in every branch below',
    upper: {},
    lower: [{ '.wh.a': '' }, { a: '2', b: '2' }, { a: '3' }],
    merged: { b: '2' },
  },
  {
    title: 'an entry above a whiteout is seen',
    upper: { a: 'again' },
    lower: [{ '.wh.a': '' }, { a: 'old' }],
    merged: { a: 'again' },
  },
  {
    title: 'an opaque directory hides all that is below it',
    lower: [{ d: { [OPQ]: '', mine: '1' } }, { d: { theirs: '2', s: { t: '2' } } }],
    merged: { d: { mine: '1' } },
  },
  {
    title: 'a directory above an opaque one still merges with that',
    upper: { d: { u: 'u' } },
    lower: [{ d: { [OPQ]: '', m: 'm' } }, { d: { l: 'l' } }],
    merged: { d: { u: 'u', m: 'm' } },
  },
  {
    title: 'a file hides a directory below, a directory a file below',
    upper: { a: 'file' },
    lower: [{ b: { x: 'x' } }, { a: { y: 'y' }, b: 'file' }],
    merged: { a: 'file', b: { x: 'x' } },
  },
  {
    title: 'a directory does not merge through a file between',
    upper: { a: { x: 'x' } },
    lower: [{ a: 'file' }, { a: { y: 'y' } }],
    merged: { a: { x: 'x' } },
  },
  {
    title: 'symlinks are shown as they are',
    upper: {},
    lower: { s: { link: '../../etc/passwd' }, d: { link: 'nowhere' } },
    merged: { s: { link: '../../etc/passwd' }, d: { link: 'nowhere' } },
  },
  {
    title: 'a reserved name can be neither seen nor made: stat',
    lower: { '.wh.a': '', a: 'a' },
    on: ['mount', 'union'],
    act: (p) => p.lstat('.wh.a'),
    fails: 'EPERM',
  },
  {
    title: 'a reserved name can be neither seen nor made: create',
    on: ['mount', 'union'],
    act: (p) => p.writeFile('.wh.x', ''),
    fails: 'EPERM',
    upperAfter: {},
  },
  {
    title: 'a name of 251 bytes can be made',
    act: (p) => p.writeFile('n'.repeat(251), 'x'),
    merged: { ['n'.repeat(251)]: 'x' },
  },
  {
    title: 'a name of 252 bytes cannot: its whiteout would be too long',
    on: ['mount', 'union'],
    act: (p) => p.writeFile('n'.repeat(252), 'x'),
    fails: 'ENAMETOOLONG',
    upperAfter: {},
  },
  {
    title: 'a lower name of 255 bytes is seen',
    lower: { ['n'.repeat(255)]: 'x' },
    merged: { ['n'.repeat(255)]: 'x' },
  },
]);
