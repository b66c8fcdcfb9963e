// SPDX-License-Identifier: MIT
// Attributes of branches and options of the whole stack: nolwh, coo_reg, coo_all, diropq=a.
import { lstatSync } from 'node:fs';
import { onBoth, type Plans } from './rig.ts';

const plans = (mode: 'rw' | 'rw+nolwh', lower: 'ro+wh' | 'ro+wh+coo_reg' | 'ro+wh+coo_all'): Plans => ({
  rw: { mode },
  ro: { mode: lower, tree: { a: 'a', b: 'b', d: { c: 'c' } } },
});

onBoth('whiteouts are links of one file', plans('rw', 'ro+wh'), {}, async (t, rig, { place }) => {
  await place.unlink('a');
  await place.unlink('b');
  const [a, b] = [lstatSync(rig.path('rw', '.wh.a')), lstatSync(rig.path('rw', '.wh.b'))];
  t.is(a.ino, b.ino);
  t.true(a.nlink >= 3);
  return undefined;
});

onBoth(
  'nolwh: each is a file of its own',
  plans('rw+nolwh', 'ro+wh'),
  {},
  async (t, rig, { place, stack }) => {
    await place.unlink('a');
    await place.unlink('b');
    const [a, b] = [lstatSync(rig.path('rw', '.wh.a')), lstatSync(rig.path('rw', '.wh.b'))];
    t.not(a.ino, b.ino);
    t.deepEqual([a.nlink, b.nlink, a.size], [1, 1, 0]);
    t.is((await stack.list())[0]?.mode, 'rw+nolwh');
    return undefined;
  },
);

for (const [mode, copied] of [
  ['ro+wh', {}],
  ['ro+wh+coo_reg', { d: { c: 'c' } }],
  ['ro+wh+coo_all', { d: { c: 'c' } }],
] as const) {
  onBoth(`${mode}: a file opened for reading`, plans('rw', mode), {}, async (t, rig, { place, stack }) => {
    t.is(await place.readFile('d/c'), 'c');
    t.deepEqual(await rig.read('rw'), copied);
    await stack.modify(rig.path('ro'), 'ro+wh');
    t.is(await place.readFile('a'), 'a');
    t.deepEqual(await rig.read('rw'), copied, 'not any more');
    return undefined;
  });
}

onBoth(
  'diropq=a: every new directory is opaque',
  plans('rw', 'ro+wh'),
  { diropq: 'a' },
  async (t, rig, { place }) => {
    await place.mkdir('new');
    await place.appendFile('d/c', '+');
    t.deepEqual(await rig.read('rw'), { d: { c: 'c+' }, new: { '.wh..wh..opq': '' } });
    t.deepEqual(await place.readdir('new'), []);
    return undefined;
  },
);
