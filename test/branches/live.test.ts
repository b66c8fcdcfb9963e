// SPDX-License-Identifier: MIT
// Branches come, go and change while a union is used: what is seen before and after, by names that the kernel remembers.
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mount, mountedBranches } from '../../lib/mount.ts';
import { Union } from '../../lib/union.ts';
import { look } from '../helpers/look.ts';
import type { Tree } from '../helpers/tree.ts';
import { onBoth, onMount, type Plans } from './rig.ts';

const base: Plans = {
  rw: { mode: 'rw', tree: { d: { u: 'rw' } } },
  ro: { mode: 'ro+wh', tree: { a: 'ro', d: { l: 'ro', s: { deep: 'ro' } }, e: { x: 'ro' } } },
};

interface Row {
  readonly title: string;
  /** The branch that comes, with what it has, and where it comes to. */
  readonly tree: Tree;
  readonly at: number;
  /** What is seen while it is there. */
  readonly merged: Tree;
}

const whole: Tree = { a: 'ro', d: { l: 'ro', s: { deep: 'ro' }, u: 'rw' }, e: { x: 'ro' } };
const ROWS: readonly Row[] = [
  {
    title: 'new names',
    tree: { n: 'new', d: { n: 'new' } },
    at: 0,
    merged: { ...whole, n: 'new', d: { l: 'ro', n: 'new', s: { deep: 'ro' }, u: 'rw' } },
  },
  {
    title: 'the same at the bottom',
    tree: { n: 'new', a: 'hidden', d: { s: { n: 'new' } } },
    at: 2,
    merged: { ...whole, n: 'new', d: { l: 'ro', s: { deep: 'ro', n: 'new' }, u: 'rw' } },
  },
  {
    title: 'files over files',
    tree: { a: 'new', d: { u: 'new' } },
    at: 0,
    merged: { ...whole, a: 'new', d: { l: 'ro', s: { deep: 'ro' }, u: 'new' } },
  },
  {
    title: 'in between',
    tree: { a: 'new', d: { u: 'hidden', l: 'new' } },
    at: 1,
    merged: { ...whole, a: 'new', d: { l: 'new', s: { deep: 'ro' }, u: 'rw' } },
  },
  {
    title: 'whiteouts',
    tree: { '.wh.a': '', d: { '.wh.l': '', s: { '.wh.deep': '' } } },
    at: 0,
    merged: { d: { s: {}, u: 'rw' }, e: { x: 'ro' } },
  },
  { title: 'whiteouts of directories', tree: { '.wh.d': '', '.wh.e': '' }, at: 0, merged: { a: 'ro' } },
  {
    title: 'an opaque directory',
    tree: { d: { '.wh..wh..opq': '', n: 'new' } },
    at: 0,
    merged: { ...whole, d: { n: 'new' } },
  },
  {
    title: 'an opaque directory in between',
    tree: { d: { '.wh..wh..opq': '', n: 'new' } },
    at: 1,
    merged: { ...whole, d: { n: 'new', u: 'rw' } },
  },
  {
    title: 'a file over a directory',
    tree: { d: 'file', e: { x: 'new' } },
    at: 0,
    merged: { a: 'ro', d: 'file', e: { x: 'new' } },
  },
  {
    title: 'a directory over a file',
    tree: { a: { in: 'new' } },
    at: 0,
    merged: { ...whole, a: { in: 'new' } },
  },
  {
    title: 'a file between directories',
    tree: { d: { s: 'file' } },
    at: 1,
    merged: { ...whole, d: { l: 'ro', s: 'file', u: 'rw' } },
  },
  {
    title: 'a symlink over a directory',
    tree: { e: { link: 'd' } },
    at: 0,
    merged: { ...whole, e: { link: 'd' } },
  },
];

for (const { title, tree, at, merged } of ROWS) {
  onBoth(`a branch comes and goes: ${title}`, { ...base, new: { tree } }, {}, async (t, rig, front) => {
    for (let round = 0; round < 2; round++) {
      t.deepEqual(await look(front.place), whole);
      await t.throwsAsync(front.place.lstat('n'), { code: 'ENOENT' });
      await t.throwsAsync(front.place.lstat('d/n'), { code: 'ENOENT' });
      await front.stack.insert(at, { path: rig.path('new'), mode: 'ro+wh' });
      t.deepEqual(await look(front.place), merged, `there, round ${round}`);
      t.is((await front.stack.list())[at]?.path, rig.path('new'));
      await front.stack.remove(rig.path('new'));
    }
    t.deepEqual(await look(front.place), whole, 'gone again');
    return undefined;
  });
}

onBoth(
  'the topmost writable branch goes, what it hid is seen, and what is written goes to the next',
  {
    rw: { mode: 'rw', tree: { '.wh.a': '', d: { '.wh..wh..opq': '' } } },
    next: { mode: 'rw' },
    ro: { mode: 'ro', tree: { a: 'ro', d: { l: 'ro' } } },
  },
  {},
  async (t, rig, { place, stack }) => {
    t.deepEqual(await look(place), { d: {} });
    await stack.remove(rig.path('rw'));
    t.deepEqual(await look(place), { a: 'ro', d: { l: 'ro' } });
    await place.appendFile('d/l', '+');
    t.deepEqual(await rig.read('next'), { d: { l: 'ro+' } });
    await stack.add({ path: rig.path('rw'), mode: 'rw' }, { at: 'top' });
    t.deepEqual(await look(place), { d: {} });
    return undefined;
  },
);

onBoth(
  'modes: whiteouts count and do not count; ro becomes rw and ro again',
  {
    rw: { mode: 'rw' },
    wh: { mode: 'ro+wh', tree: { '.wh.a': '', d: { '.wh.l': '' } } },
    ro: { mode: 'ro', tree: { a: 'ro', d: { l: 'ro' } } },
  },
  {},
  async (t, rig, { place, stack }) => {
    t.deepEqual(await look(place), { d: {} });
    await stack.modify(rig.path('wh'), 'ro');
    t.deepEqual(await look(place), { a: 'ro', d: { l: 'ro' } });
    await stack.modify(rig.path('wh'), 'rw');
    t.deepEqual(await look(place), { d: {} });
    await stack.modify(rig.path('rw'), 'ro');
    await place.writeFile('a', 'new');
    t.deepEqual(await rig.read('wh'), { a: 'new', d: { '.wh.l': '' } });
    await stack.modify(rig.path('wh'), 'ro+wh');
    await t.throwsAsync(place.writeFile('b', ''), { code: 'EROFS' });
    await t.throwsAsync(place.unlink('a'), { code: 'EROFS' });
    await stack.modify(rig.path('rw'), 'rw');
    await place.unlink('a');
    t.deepEqual(await rig.read('rw'), { '.wh.a': '' });
    t.deepEqual(
      (await stack.list()).map(({ mode }) => mode),
      ['rw', 'ro+wh', 'ro'],
    );
    return undefined;
  },
);

onBoth(
  'two files that were one are told apart',
  {
    rw: { mode: 'rw' },
    ro: { mode: 'ro', tree: { x: 'old', d: { in: 'old' } } },
    spare: { mode: 'rw' },
  },
  {},
  async (t, rig, { name, place, stack }) => {
    await place.appendFile('x', '+');
    await place.rename('x', 'y');
    await place.rename('d', 'e');
    await stack.remove(rig.path('spare'));
    t.deepEqual(await look(place), { e: { in: 'old' }, y: 'old+' });
    // Its whiteouts cease to count: the originals are seen beside their copies.
    await stack.add({ path: rig.path('spare'), mode: 'rw' }, { at: 'top' });
    await stack.modify(rig.path('rw'), 'ro');
    t.deepEqual(await look(place), { d: { in: 'old' }, e: { in: 'old' }, x: 'old', y: 'old+' });
    if (name === 'mount') {
      const inos = await Promise.all(
        ['x', 'y', 'd', 'e', 'd/in', 'e/in'].map(async (path) => (await place.lstat(path)).ino),
      );
      t.is(new Set(inos).size, 6, String(inos));
    }
    await place.writeFile('x', 'x');
    await place.writeFile('e/in', 'e');
    t.deepEqual(await look(place), { d: { in: 'old' }, e: { in: 'e' }, x: 'x', y: 'old+' });
    return undefined;
  },
);

onMount('inode numbers stay while branches come and go', base, async (t, rig) => {
  await using mounted = await rig.mount();
  mkdirSync(rig.path('new', 'd', 's'), { recursive: true });
  chmodSync(rig.path('new', 'd'), 0o700);
  const paths = ['.', 'a', 'd', 'd/l', 'd/s', 'd/s/deep', 'd/u', 'e'];
  const numbers = () => paths.map((path) => lstatSync(rig.at(path)).ino);
  const before = numbers();
  await mounted.branches.add(rig.path('new'), { at: 'top' });
  t.is(lstatSync(rig.at('d')).mode & 0o777, 0o700, 'the attributes are those of the new topmost one');
  t.deepEqual(numbers(), before);
  await mounted.branches.remove(rig.path('new'));
  t.is(lstatSync(rig.at('d')).mode & 0o777, 0o755);
  t.deepEqual(numbers(), before);
});

onMount('open files, mappings and directories go on over changes', base, async (t, rig) => {
  writeFileSync(rig.path('ro', 'big'), 'x'.repeat(20_000));
  mkdirSync(rig.path('new'));
  writeFileSync(rig.path('new', 'a'), 'covers');
  await using mounted = await rig.mount();
  const reader = await open(rig.at('a'), 'r');
  const writer = await open(rig.at('a'), 'r+');
  const upper = await open(rig.at('d/u'), 'r+');
  await mounted.branches.add(rig.path('new'), { at: 'top' });
  t.is(readFileSync(rig.at('a'), 'utf8'), 'covers');
  t.is(await reader.readFile('utf8'), 'ro', 'a covered file is read');
  await writer.write('RO', 0);
  const into = Buffer.alloc(2);
  await reader.read(into, 0, 2, 0);
  t.is(into.toString(), 'RO', 'and written, for those who have it open');
  t.is(readFileSync(rig.at('a'), 'utf8'), 'covers');
  t.is(readFileSync(rig.path('ro', 'a'), 'utf8'), 'ro');
  await upper.write('RW', 0);
  t.is(readFileSync(rig.at('d/u'), 'utf8'), 'RW');
  await Promise.all([reader, writer, upper].map((file) => file.close()));
  await mounted.branches.remove(rig.path('new'));
  t.is(readFileSync(rig.at('a'), 'utf8'), 'ro', 'what was written to a file without a name is gone with it');
});

onMount('a directory that somebody stands in is covered by a file, and comes back', base, async (t, rig) => {
  await using mounted = await rig.mount();
  mkdirSync(rig.path('new'));
  writeFileSync(rig.path('new', 'e'), 'a file');
  const here = process.cwd();
  process.chdir(rig.at('e'));
  try {
    await mounted.branches.add(rig.path('new'), { at: 'top' });
    t.is(readFileSync(rig.at('e'), 'utf8'), 'a file');
    // Node has no word for ESTALE.
    t.is((t.throws(() => readdirSync('.')) as NodeJS.ErrnoException).errno, -constants.errno.ESTALE);
    t.throws(() => writeFileSync('new', ''));
    await mounted.branches.remove(rig.path('new'));
    t.deepEqual(readdirSync(rig.at('e')), ['x']);
  } finally {
    process.chdir(here);
  }
});

onMount(
  'a branch is known by any path that leads to it, and listed by the one that it has now',
  base,
  async (t, rig) => {
    const mounted = await rig.mount({ persist: true });
    const { branches } = mounted;
    mkdirSync(rig.path('new'));
    await branches.add(rig.path('.', 'rw', '..', 'new'));
    await rename(rig.path('new'), rig.path('moved'));
    t.deepEqual(
      (await branches.list()).map(({ path }) => path),
      [rig.path('rw'), rig.path('ro'), rig.path('moved')],
    );
    await mountedBranches(rig.at('d')).remove(rig.path('moved'));
    t.is((await branches.list()).length, 2);
    await mounted.unmount();
  },
);

onMount(
  'sixty branches, one by one, and away again',
  base,
  async (t, rig) => {
    t.timeout(60_000);
    const COUNT = 60;
    for (let i = 0; i < COUNT; i++) {
      mkdirSync(rig.path(`many/${i}/d`), { recursive: true });
      writeFileSync(rig.path(`many/${i}/d/f${i}`), String(i));
      writeFileSync(rig.path(`many/${i}/a`), String(i));
    }
    await using mounted = await rig.mount();
    const { branches } = mounted;
    for (let i = 0; i < COUNT; i++) {
      await branches.add(rig.path(`many/${i}`), { at: 'top' });
      if (i % 50 === 0) t.is(readFileSync(rig.at('a'), 'utf8'), String(i));
    }
    t.is((await branches.list()).length, COUNT + 2);
    t.is(readFileSync(rig.at('a'), 'utf8'), String(COUNT - 1));
    t.is(readdirSync(rig.at('d')).length, COUNT + 3);
    appendFileSync(rig.at('d/u'), '+');
    for (let i = 0; i < COUNT; i++) await branches.remove(rig.path(`many/${i}`));
    t.deepEqual(readdirSync(rig.at('d')).sort(), ['l', 's', 'u']);
  },
  {},
);

onMount('a union in a union', base, async (t, rig) => {
  await using outer = await rig.mount();
  mkdirSync(rig.path('second'));
  mkdirSync(rig.path('over'));
  await using inner = await mount(rig.path('second'), { branches: [rig.path('over'), rig.target] });
  t.is(readFileSync(join(inner.target, 'a'), 'utf8'), 'ro');
  mkdirSync(rig.path('new'));
  writeFileSync(rig.path('new', 'n'), 'new');
  await outer.branches.add(rig.path('new'));
  t.true(existsSync(rig.at('n')));
  await t.throwsAsync(
    inner.branches.add(rig.path('rw', 'd')).then(() => Union.open({ branches: [rig.path('rw')] })),
    {
      code: 'ERR_BRANCH_BUSY',
    },
  );
  t.true(statSync(join(inner.target, 'd')).isDirectory());
  await sleep(0);
});
