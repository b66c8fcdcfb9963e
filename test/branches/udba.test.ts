// SPDX-License-Identifier: MIT
// udba=reval: whatever somebody does to the branches themselves is seen at the next call, through the mount and in process.
import * as fs from 'node:fs';
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Union } from '../../lib/union.ts';
import { look } from '../helpers/look.ts';
import { UnionPlace } from '../helpers/place.ts';
import { oneOf, seeded } from '../helpers/random.ts';
import type { Tree } from '../helpers/tree.ts';
import { onBoth, onMount, type Plans, Rig } from './rig.ts';

const udba = { udba: 'reval' } as const;
const stack: Plans = {
  rw: { mode: 'rw', tree: { u: 'rw', d: { u: 'rw' } } },
  ro: { mode: 'ro+wh', tree: { l: 'ro', d: { l: 'ro', s: { x: 'ro' } }, e: { x: 'ro' } } },
};
const whole: Tree = { u: 'rw', l: 'ro', d: { u: 'rw', l: 'ro', s: { x: 'ro' } }, e: { x: 'ro' } };

/** `at` gives a path in a branch. */
type Edit = (at: (branch: string, path: string) => string) => void;

const EDITS: readonly [title: string, edit: Edit, merged: Tree][] = [
  ['a file created above', (at) => writeFileSync(at('rw', 'n'), 'n'), { ...whole, n: 'n' }],
  [
    'a file created below',
    (at) => writeFileSync(at('ro', 'd/s/n'), 'n'),
    { ...whole, d: { u: 'rw', l: 'ro', s: { x: 'ro', n: 'n' } } },
  ],
  ['a file created above one', (at) => writeFileSync(at('rw', 'l'), 'new'), { ...whole, l: 'new' }],
  ['a file deleted above', (at) => fs.rmSync(at('rw', 'd/u')), { ...whole, d: { l: 'ro', s: { x: 'ro' } } }],
  [
    'a file deleted below',
    (at) => fs.rmSync(at('ro', 'l')),
    { u: 'rw', d: whole['d'] as Tree, e: { x: 'ro' } },
  ],
  ['content of the same size', (at) => writeFileSync(at('ro', 'l'), 'RO'), { ...whole, l: 'RO' }],
  ['more content', (at) => fs.appendFileSync(at('rw', 'u'), '+'), { ...whole, u: 'rw+' }],
  [
    'content cut off',
    (at) => fs.truncateSync(at('rw', 'd/u'), 1),
    { ...whole, d: { u: 'r', l: 'ro', s: { x: 'ro' } } },
  ],
  [
    'a file replaced by a rename',
    (at) => {
      writeFileSync(at('ro', 'e/tmp'), 'new');
      fs.renameSync(at('ro', 'e/tmp'), at('ro', 'e/x'));
    },
    { ...whole, e: { x: 'new' } },
  ],
  ['a directory made over one below', (at) => fs.mkdirSync(at('rw', 'e')), whole],
  [
    'a directory with content made over one below',
    (at) => {
      fs.mkdirSync(at('rw', 'd/s'));
      writeFileSync(at('rw', 'd/s/n'), 'n');
    },
    { ...whole, d: { u: 'rw', l: 'ro', s: { x: 'ro', n: 'n' } } },
  ],
  [
    'a whiteout made',
    (at) => writeFileSync(at('rw', 'd/.wh.l'), ''),
    { ...whole, d: { u: 'rw', s: { x: 'ro' } } },
  ],
  [
    'a whiteout of a directory made',
    (at) => writeFileSync(at('rw', 'd/.wh.s'), ''),
    { ...whole, d: { u: 'rw', l: 'ro' } },
  ],
  [
    'an opaque marker made',
    (at) => writeFileSync(at('rw', 'd/.wh..wh..opq'), ''),
    { ...whole, d: { u: 'rw' } },
  ],
  [
    'a directory replaced by a file',
    (at) => {
      fs.rmSync(at('ro', 'e'), { recursive: true });
      writeFileSync(at('ro', 'e'), 'file');
    },
    { ...whole, e: 'file' },
  ],
  [
    'a file replaced by a directory',
    (at) => {
      fs.rmSync(at('ro', 'l'));
      fs.mkdirSync(at('ro', 'l'));
    },
    { ...whole, l: {} },
  ],
  ['a file above a directory', (at) => writeFileSync(at('rw', 'e'), 'file'), { ...whole, e: 'file' }],
  [
    'a directory moved',
    (at) => fs.renameSync(at('ro', 'd/s'), at('ro', 'd/t')),
    { ...whole, d: { u: 'rw', l: 'ro', t: { x: 'ro' } } },
  ],
  [
    'a directory moved to another one',
    (at) => fs.renameSync(at('ro', 'd/s'), at('ro', 'e/s')),
    { ...whole, d: { u: 'rw', l: 'ro' }, e: { x: 'ro', s: { x: 'ro' } } },
  ],
  [
    'a directory that is part of a merged one moved',
    (at) => fs.renameSync(at('ro', 'd'), at('ro', 't')),
    { ...whole, d: { u: 'rw' }, t: { l: 'ro', s: { x: 'ro' } } },
  ],
  [
    'two directories exchanged',
    (at) => {
      fs.renameSync(at('ro', 'd'), at('ro', 't'));
      fs.renameSync(at('ro', 'e'), at('ro', 'd'));
      fs.renameSync(at('ro', 't'), at('ro', 'e'));
    },
    { ...whole, d: { u: 'rw', x: 'ro' }, e: { l: 'ro', s: { x: 'ro' } } },
  ],
  ['a symlink', (at) => fs.symlinkSync('l', at('ro', 'n')), { ...whole, n: { link: 'l' } }],
];

for (const [title, edit, merged] of EDITS) {
  onBoth(`seen at once: ${title}`, stack, udba, async (t, rig, { place }) => {
    t.deepEqual(await look(place), sorted(whole));
    await t.throwsAsync(place.lstat('n'), { code: 'ENOENT' });
    edit((branch, path) => rig.path(branch, path));
    t.deepEqual(await look(place), sorted(merged));
    // And the union works with it.
    await place.writeFile('d/own', 'own');
    await place.appendFile('u', '!');
    t.is(await place.readFile('d/own'), 'own');
    return async () => {
      await using again = await rig.open({ readOnly: true });
      const now = await look(new UnionPlace(again));
      t.deepEqual(
        now,
        sorted({ ...merged, d: { ...(merged['d'] as Tree), own: 'own' }, u: `${String(merged['u'])}!` }),
      );
    };
  });
}

/** Longer than a union takes to look at its branches again. */
const A_WHILE = 1_100;

for (const [title, edit, merged] of EDITS) {
  test(`without udba, seen after a second in process: ${title}`, async (t) => {
    const rig = await Rig.create(t, stack);
    await using union = await rig.open();
    const place = new UnionPlace(union);
    t.deepEqual(await look(place), sorted(whole));
    edit((branch, path) => rig.path(branch, path));
    await sleep(A_WHILE);
    t.deepEqual(await look(place), sorted(merged));
    await place.writeFile('d/own', 'own');
    await place.appendFile('u', '!');
    await union.close();
    await using again = await rig.open({ readOnly: true });
    t.deepEqual(
      await look(new UnionPlace(again)),
      sorted({ ...merged, d: { ...(merged['d'] as Tree), own: 'own' }, u: `${String(merged['u'])}!` }),
    );
  });
}

onMount('without udba a mount tells after a second what the kernel asks for', stack, async (t, rig) => {
  await using _ = await rig.mount();
  const names = (): string[] => fs.readdirSync(rig.at('d')).sort();
  t.deepEqual(
    [names(), names()],
    [
      ['l', 's', 'u'],
      ['l', 's', 'u'],
    ],
  );
  writeFileSync(rig.path('ro', 'd/late'), 'late');
  writeFileSync(rig.path('rw', 'd/l'), 'above');
  await sleep(A_WHILE);
  t.is(readFileSync(rig.at('d/late'), 'utf8'), 'late');
  t.deepEqual(
    [names(), names()],
    [
      ['l', 'late', 's', 'u'],
      ['l', 'late', 's', 'u'],
    ],
  );
  t.is(readFileSync(rig.at('d/l'), 'utf8'), 'above');
});

function sorted(tree: Tree): Tree {
  return Object.fromEntries(
    Object.keys(tree)
      .sort()
      .map((name) => {
        const entry = tree[name] as Tree[string];
        const directory = typeof entry === 'object' && !('link' in entry) && !('hard' in entry);
        return [name, directory ? sorted(entry as Tree) : entry];
      }),
  );
}

const HIDING: Plans = {
  rw: { mode: 'rw', tree: { '.wh.l': '', d: { '.wh..wh..opq': '' }, f: 'rw' } },
  ro: { mode: 'ro', tree: { l: 'ro', d: { l: 'ro' }, f: 'ro' } },
};
onBoth('seen at once: what hid something goes', HIDING, udba, async (t, rig, { place }) => {
  t.deepEqual(await look(place), { d: {}, f: 'rw' });
  fs.rmSync(rig.path('rw', '.wh.l'));
  t.deepEqual(await look(place), { d: {}, f: 'rw', l: 'ro' });
  fs.rmSync(rig.path('rw', 'd/.wh..wh..opq'));
  t.deepEqual(await look(place), { d: { l: 'ro' }, f: 'rw', l: 'ro' });
  fs.rmSync(rig.path('rw', 'f'));
  t.deepEqual(await look(place), { d: { l: 'ro' }, f: 'ro', l: 'ro' });
  return undefined;
});

onBoth(
  'a copy of the union that somebody deletes shows its original again',
  stack,
  udba,
  async (t, rig, { place }) => {
    await place.appendFile('l', '+');
    await place.rename('d/s', 'd/t');
    t.is(await place.readFile('l'), 'ro+');
    fs.rmSync(rig.path('rw', 'l'));
    t.is(await place.readFile('l'), 'ro');
    await place.appendFile('l', '!');
    t.is(readFileSync(rig.path('rw', 'l'), 'utf8'), 'ro!');
    fs.rmSync(rig.path('rw', 'd/.wh.s'));
    await place.writeFile('d/s/x', 's');
    t.deepEqual(
      await look(place),
      sorted({ ...whole, l: 'ro!', d: { u: 'rw', l: 'ro', s: { x: 's' }, t: { x: 'ro' } } }),
    );
    return undefined;
  },
);

onMount(
  'attributes, open files and mappings: what is opened or asked for after an edit is new',
  stack,
  async (t, rig) => {
    await using mounted = await rig.mount(udba);
    const at = rig.at('l');
    t.is(fs.statSync(at).mode & 0o777, 0o644);
    fs.chmodSync(rig.path('ro', 'l'), 0o600);
    t.is(fs.statSync(at).mode & 0o777, 0o600);
    fs.utimesSync(rig.path('ro', 'l'), 1, 2);
    t.is(fs.statSync(at).mtimeMs, 2000);
    const reader = await open(at, 'r');
    t.is(await reader.readFile('utf8'), 'ro');
    writeFileSync(rig.path('ro', 'l'), 'RO');
    t.is(readFileSync(at, 'utf8'), 'RO', 'opened again');
    const into = Buffer.alloc(2);
    await reader.read(into, 0, 2, 0);
    t.is(into.toString(), 'RO', 'the open file is the same one');
    fs.rmSync(rig.path('ro', 'l'));
    await reader.read(into, 0, 2, 0);
    t.is(into.toString(), 'RO', 'and stays when it is deleted');
    t.false(fs.existsSync(at));
    await reader.close();
    t.is(mounted.target, rig.target);
  },
);

test('random edits and own changes, against a union that is opened anew', async (t) => {
  const rig = await Rig.create(t, {
    rw: { mode: 'rw' },
    mid: { mode: 'rw' },
    ro: { mode: 'ro+wh', tree: { a: 'ro', b: { a: 'ro', b: { c: 'ro' } } } },
  });
  await using union = await rig.open({ ...udba, createPolicy: 'rr' });
  const place = new UnionPlace(union);
  const pick = seeded(Number(process.env['SEED'] ?? 1));
  const names = ['a', 'b', 'c'];
  const path = () => Array.from({ length: 1 + pick(3) }, () => oneOf(pick, names)).join('/');
  const told: string[] = [];
  for (let i = 0; i < 400; i++) {
    const [branch, one, other] = [oneOf(pick, ['rw', 'mid', 'ro']), path(), path()];
    const at = (name: string) => rig.path(branch, name);
    const hidden = (name: string, as: string) => rig.path(branch, join(name, '..', as));
    const edits: readonly (() => unknown)[] = [
      () => writeFileSync(at(one), String(i)),
      () => fs.mkdirSync(at(one), { recursive: true }),
      () => fs.rmSync(at(one), { recursive: true }),
      () => fs.renameSync(at(one), at(other)),
      () => writeFileSync(hidden(one, `.wh.${oneOf(pick, names)}`), ''),
      () => fs.rmSync(hidden(one, `.wh.${oneOf(pick, names)}`)),
      () => writeFileSync(join(at(one), '.wh..wh..opq'), ''),
      () => fs.rmSync(join(at(one), '.wh..wh..opq')),
      () => place.writeFile(one, `own ${i}`),
      () => place.mkdir(one),
      () => place.unlink(one),
      () => place.rmdir(one),
      () => place.rename(one, other),
      () => place.appendFile(one, '+'),
    ];
    const kind = pick(edits.length);
    const done = await Promise.resolve()
      .then(edits[kind])
      .then(
        () => 'done',
        (e: unknown) => (e as NodeJS.ErrnoException).code,
      );
    told.push(`${kind} ${branch} ${one} ${other}: ${done}`);
    if (['EIO', 'ESTALE', 'EBADF'].includes(String(done))) return t.fail(told.slice(-15).join('\n'));
    await using again = await Union.open({ branches: rig.branches, readOnly: true });
    const wanted = await look(new UnionPlace(again));
    const seen = await look(place).catch((error: unknown) => String(error));
    if (!t.deepEqual(seen, wanted, told.slice(-15).join('\n'))) return;
  }
});

onBoth(
  'a large directory: own changes do not read it again, foreign ones do',
  stack,
  udba,
  async (t, rig, { place }) => {
    for (let i = 0; i < 10_000; i++) writeFileSync(rig.path('ro', 'e', `f${i}`), '');
    t.is((await place.readdir('e')).length, 10_001);
    const time = async (count: number, foreign: boolean): Promise<number> => {
      const start = performance.now();
      for (let i = 0; i < count; i++) {
        await place.writeFile(`e/own${i}`, '');
        if (foreign) writeFileSync(rig.path('ro', 'e', `foreign${i}`), '');
        await place.lstat(`e/own${i}`);
        await place.unlink(`e/own${i}`);
      }
      return (performance.now() - start) / count;
    };
    const own = await time(100, false);
    const foreign = await time(10, true);
    t.is((await place.readdir('e')).length, 10_011);
    t.true(own < 20, `an own change takes ${own} ms`);
    t.true(own < foreign * 2, `own ${own} ms, with foreign ones ${foreign} ms`);
    return undefined;
  },
);
