// SPDX-License-Identifier: MIT
// What a union does in several steps, one of each.
import type { Place } from '../helpers/place.ts';
import type { Tree } from '../helpers/tree.ts';

export interface Operation {
  readonly title: string;
  readonly upper?: Tree;
  readonly act: (place: Place) => Promise<unknown>;
}

export const LOWER: Tree = {
  big: 'b'.repeat(20_000),
  d: { a: 'a'.repeat(20_000), s: { x: 'x' }, l: { link: 'a' } },
  e: {},
  h1: 'hard',
  h2: { hard: 'h1' },
  w: { old: 'old' },
};

export const OPERATIONS: readonly Operation[] = [
  { title: 'copy_up', act: (p) => p.appendFile('d/a', '+') },
  { title: 'copy_up of a file of two names', act: (p) => p.appendFile('h1', '+') },
  { title: 'copy_up by chmod', act: (p) => p.chmod('big', 0o600) },
  {
    title: 'truncation',
    act: (p) => p.truncate('d/a', 10_000),
  },
  { title: 'rename of a file', act: (p) => p.rename('d/a', 'new') },
  {
    title: 'rename over a file',
    act: (p) => p.rename('d/a', 'big'),
  },
  { title: 'rename of a symlink', act: (p) => p.rename('d/l', 'new') },
  { title: 'rename of a directory', act: (p) => p.rename('d', 'new') },
  { title: 'rename of a directory over an empty one', act: (p) => p.rename('d', 'e') },
  {
    title: 'rename of a merged directory',
    upper: { d: { u: 'u', '.wh.l': '' } },
    act: (p) => p.rename('d', 'new'),
  },
  { title: 'exchange', act: (p) => p.exchange('d', 'big') },
  { title: 'unlink', act: (p) => p.unlink('d/a') },
  {
    title: 'unlink of a file that is in both',
    upper: { d: { a: 'upper' } },
    act: (p) => p.unlink('d/a'),
  },
  { title: 'rmdir', act: (p) => p.rmdir('e') },
  {
    title: 'rmdir of a directory of whiteouts',
    upper: { w: { '.wh.old': '' } },
    act: (p) => p.rmdir('w'),
  },
  { title: 'mkdir over a whiteout', upper: { '.wh.w': '' }, act: (p) => p.mkdir('w') },
  { title: 'create over a whiteout', upper: { '.wh.w': '' }, act: (p) => p.writeFile('w', '') },
  { title: 'symlink over a whiteout', upper: { '.wh.w': '' }, act: (p) => p.symlink('to', 'w') },
  { title: 'link of a lower file', act: (p) => p.link('d/a', 'new') },
  { title: 'link over a whiteout', upper: { '.wh.w': '' }, act: (p) => p.link('h1', 'w') },
];
