// SPDX-License-Identifier: MIT
// Trees that are deeper than any path can say: a program in a mount makes them with one mkdir(2) after the other.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { has } from '../helpers/stage.ts';
import { temporaryDirectory, temporaryStore } from './store_helper.ts';

const able = has('python3');
const here = able ? test : test.skip;
const why = able ? '' : ' (needs python3)';

function deepTree(root: string, levels: number): void {
  const script = `import os
for _ in range(${levels}):
    os.mkdir('d'); os.chdir('d')
open('f', 'w').write('x')`;
  execFileSync('python3', ['-c', script], { cwd: root });
}

here(`a layer of 1,000 levels is listed, measured and copied${why}`, async (t) => {
  const source = await temporaryDirectory(t);
  deepTree(source, 1000);
  const store = await temporaryStore(t);
  const layer = await store.createLayer({ from: source });
  t.is((await layer.changes()).length, 1001);
  t.is(await layer.diffSize(), 1);
  t.is((await store.df()).total.entries, 1001);
});

here(`one that is too deep is an error and not the end of the process${why}`, async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  deepTree(layer.diffPath, 20_000);
  try {
    // With few descriptors those end first: there is one for each level.
    const tooDeep = /^(ENAMETOOLONG|EMFILE)$/;
    for (const call of [
      () => layer.changes(),
      () => layer.diffSize(),
      () => store.df(),
      () => store.createLayer({ from: layer.diffPath }),
    ]) {
      const error = await t.throwsAsync<NodeJS.ErrnoException>(call());
      t.regex(error?.code ?? '', tooDeep);
    }
  } finally {
    execFileSync('rm', ['-rf', layer.diffPath]);
  }
});
