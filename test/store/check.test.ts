// SPDX-License-Identifier: MIT
import { mkdir, open, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { binding } from '../../lib/binding.ts';
import { openStore, type Store } from '../../lib/store/index.ts';
import { killAtOnce, processes, until } from '../helpers/server.ts';
import { facts, tar } from './archive_helper.ts';
import { canMount, id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

const [A, B, C, X] = [id('a'), id('b'), id('c'), id('e')];

/** Layers a <- b <- c, each with a file, and what Docker would have left of them if `docker`. */
async function threeLayers(t: ExecutionContext, docker = false): Promise<string> {
  const root = join(await temporaryDirectory(t), 'aufs');
  await using store = await openStore(root);
  for (const [one, parent] of [
    [A, undefined],
    [B, A],
    [C, B],
  ] as const) {
    const layer = await store.createLayer({ id: one, parent });
    await write(layer.diffPath, { 'file.txt': one });
  }
  if (docker) await binding().removeTree(join(root, '.node-aufs'));
  return root;
}

/** The store as it is, nothing swept. */
function look(root: string): Promise<Store> {
  return openStore(root, { create: false, sweep: false });
}

async function found(root: string): Promise<string[]> {
  const { findings } = await (await look(root)).check();
  return findings.map(({ kind, path, repairable }) => `${kind} ${path.slice(root.length + 1)} ${repairable}`);
}

interface Case {
  readonly title: string;
  readonly docker?: boolean;
  /** A path to its new content; null removes it. */
  readonly damage: Readonly<Record<string, string | null>>;
  /** `KIND PATH REPAIRABLE`. */
  readonly finds: readonly string[];
  /** What is found after repair. @default nothing */
  readonly left?: readonly string[];
}

const META = '.node-aufs/layers';
const CASES: readonly Case[] = [
  { title: 'nothing', damage: {}, finds: [] },
  { title: 'nothing in a store of Docker', docker: true, damage: {}, finds: [] },
  {
    title: 'a list of parents that is empty after a power cut',
    damage: { [`layers/${C}`]: '' },
    finds: [`chain-damaged layers/${C} true`],
  },
  {
    title: 'a list of parents cut off within an id',
    damage: { [`layers/${C}`]: B.slice(0, 40) },
    finds: [`chain-damaged layers/${C} true`],
  },
  {
    title: 'garbage instead of parents',
    damage: { [`layers/${C}`]: 'hello\0world' },
    finds: [`chain-damaged layers/${C} true`],
  },
  {
    title: 'two lists at once: the parent is mended first',
    damage: { [`layers/${B}`]: '', [`layers/${C}`]: `${B}\n` },
    finds: [`chain-damaged layers/${B} true`, `chain-damaged layers/${C} true`],
  },
  {
    title: 'Docker: the list of a parent was cut off, its children tell the rest',
    docker: true,
    damage: { [`layers/${B}`]: '' },
    finds: [`chain-damaged layers/${B} true`],
  },
  {
    title: 'Docker: a list that ends after its first id',
    docker: true,
    damage: { [`layers/${C}`]: `${B}\n` },
    finds: [`chain-damaged layers/${C} true`],
  },
  {
    title: 'Docker: the list of a parent is gone, its children tell it',
    docker: true,
    damage: { [`layers/${B}`]: null },
    finds: [`parent-missing layers/${C} false`, `chain-missing layers/${B} true`],
  },
  {
    title: 'Docker: a top layer with garbage cannot be told',
    docker: true,
    damage: { [`layers/${C}`]: 'garbage\n' },
    finds: [`chain-damaged layers/${C} false`],
    left: [`chain-damaged layers/${C} false`],
  },
  {
    title: 'two sound claims that contradict each other',
    damage: { [`layers/${C}`]: `${A}\n` },
    finds: [`chain-damaged layers/${C} false`],
    left: [`chain-damaged layers/${C} false`],
  },
  {
    title: 'a parent that is missing',
    damage: { [`layers/${A}`]: null, [`diff/${A}`]: null, [`mnt/${A}`]: null, [`${META}/${A}.json`]: null },
    finds: [`parent-missing layers/${B} false`, `stale-lock .node-aufs/locks/${A} true`],
    left: [`parent-missing layers/${B} false`],
  },
  {
    title: 'Docker: a cycle of two',
    docker: true,
    damage: { [`layers/${A}`]: `${B}\n`, [`layers/${B}`]: `${A}\n`, [`layers/${C}`]: `${B}\n${A}\n` },
    finds: [`chain-cycle layers/${A} false`, `chain-cycle layers/${B} false`],
    left: [`chain-cycle layers/${A} false`, `chain-cycle layers/${B} false`],
  },
  {
    title: 'a layer that stands on itself',
    damage: { [`layers/${C}`]: `${C}\n` },
    finds: [`chain-cycle layers/${C} true`],
  },
  {
    title: 'a list that is gone while its data is there',
    damage: { [`layers/${C}`]: null },
    finds: [`chain-missing layers/${C} true`],
  },
  {
    title: 'data that is gone',
    damage: { [`diff/${B}`]: null },
    finds: [`diff-missing diff/${B} false`],
    left: [`diff-missing diff/${B} false`],
  },
  {
    title: 'a mountpoint that is gone',
    damage: { [`mnt/${B}`]: null },
    finds: [`mnt-missing mnt/${B} true`],
  },
  {
    title: 'metadata that is empty after a power cut',
    damage: { [`${META}/${B}.json`]: '' },
    finds: [`metadata-damaged ${META}/${B}.json true`],
  },
  {
    title: 'metadata that is no JSON',
    damage: { [`${META}/${B}.json`]: '{"parent":' },
    finds: [`metadata-damaged ${META}/${B}.json true`],
  },
  {
    title: 'an empty record of an archive',
    damage: { [`${META}/${B}.tar-split.json.gz`]: '' },
    finds: [`record-damaged ${META}/${B}.tar-split.json.gz true`],
  },
  {
    title: 'data that nothing explains',
    damage: { [`diff/${X}/precious`]: 'x' },
    finds: [`diff-orphan diff/${X} false`],
    left: [`diff-orphan diff/${X} false`],
  },
  {
    title: 'a mountpoint of nothing, empty',
    damage: { [`mnt/${X}/`]: '' },
    finds: [`mnt-orphan mnt/${X} true`],
  },
  {
    title: 'a mountpoint of nothing that holds files',
    damage: { [`mnt/${X}/file`]: '' },
    finds: [`mnt-orphan mnt/${X} false`],
    left: [`mnt-orphan mnt/${X} false`],
  },
  {
    title: 'metadata and record without a layer',
    damage: { [`${META}/${X}.json`]: '{}', [`${META}/${X}.tar-split.json.gz`]: 'x' },
    finds: [`metadata-orphan ${META}/${X}.json true`, `record-orphan ${META}/${X}.tar-split.json.gz true`],
  },
  {
    title: 'an index without a layer',
    damage: { [`.node-aufs/indexes/${X}`]: 'x' },
    finds: [`index-orphan .node-aufs/indexes/${X} true`],
  },
  {
    title: 'what an interrupted create leaves',
    damage: {
      [`.node-aufs/staging/${X}/`]: '',
      [`diff/${X}/half`]: '',
      [`mnt/${X}/`]: '',
      [`${META}/${X}.json`]: '{}',
      [`.node-aufs/locks/${X}`]: '',
    },
    finds: [`half-made .node-aufs/staging/${X} true`],
  },
  {
    title: 'what looks half-made, but others stand on it',
    docker: true,
    damage: { [`.node-aufs/staging/${B}/`]: '', [`layers/${B}`]: null },
    finds: [`parent-missing layers/${C} false`, `half-made .node-aufs/staging/${B} false`],
    left: [`parent-missing layers/${C} false`, `half-made .node-aufs/staging/${B} false`],
  },
  {
    title: 'what a finished create leaves if it is killed late',
    damage: { [`.node-aufs/staging/${B}/x`]: '' },
    finds: [`staging .node-aufs/staging/${B} true`],
  },
  {
    title: 'what an interrupted remove leaves',
    damage: { [`diff/${X}-removing/x`]: '', [`mnt/${X}-removing/`]: '' },
    finds: [`removing diff/${X}-removing true`, `removing mnt/${X}-removing true`],
  },
  {
    title: 'files that were being written',
    damage: { [`layers/.${X}.0123456789ab`]: '', [`${META}/.${X}.json.0123456789ab`]: '' },
    finds: [`temporary layers/.${X}.0123456789ab true`, `temporary ${META}/.${X}.json.0123456789ab true`],
  },
  {
    title: 'who used a layer that is gone',
    damage: {
      [`.node-aufs/holders/${X}`]: '[{"process":"1 1 another start of the machine","count":1}]',
      [`.node-aufs/holders/.${X}.0123456789ab`]: '',
    },
    finds: [
      `stale-holders .node-aufs/holders/${X} true`,
      `temporary .node-aufs/holders/.${X}.0123456789ab true`,
    ],
  },
  {
    title: 'names that nothing has',
    damage: { 'diff/holiday.jpg': 'x', 'layers/README': 'x' },
    finds: ['unknown-name diff/holiday.jpg false', 'unknown-name layers/README false'],
    left: ['unknown-name diff/holiday.jpg false', 'unknown-name layers/README false'],
  },
];

for (const { title, docker, damage, finds, left = [] } of CASES) {
  test(`check and repair: ${title}`, async (t) => {
    const root = await threeLayers(t, docker);
    for (const [path, content] of Object.entries(damage)) {
      if (content === null) await rm(join(root, path), { recursive: true });
      else await write(root, { [path]: content });
    }
    const before = await facts(root);
    t.deepEqual((await found(root)).sort(), [...finds].sort());
    t.deepEqual(await facts(root), before, 'check changes nothing');

    const report = await (await look(root)).check({ repair: true });
    t.is(report.clean, left.length === 0);
    t.deepEqual(
      report.findings.filter(({ repaired }) => !repaired && !left.length),
      [],
    );
    t.deepEqual((await found(root)).sort(), [...left].sort());
    for (const one of [A, B, C].filter((layer) => damage[`diff/${layer}`] !== null)) {
      t.is(await readFile(join(root, 'diff', one, 'file.txt'), 'utf8'), one, 'data stays');
    }
    if (left.length > 0) return;
    const layers = await (await look(root)).layers();
    t.deepEqual(
      layers.map(({ problem, parents }) => problem ?? parents),
      [[], [A], [B, A]],
    );
  });
}

test('metadata that is written anew keeps what can be read, and stays read-only', async (t) => {
  const root = await threeLayers(t);
  await writeFile(join(root, META, `${B}.json`), '{"parent":7,"labels":{"name":"x","n":1}}');
  await (await look(root)).check({ repair: true });
  const layer = await (await look(root)).layer(B);
  t.true(layer.readOnly);
  t.deepEqual(layer.labels, { name: 'x' });
  t.is(layer.parent, A);
});

test('what a living process is busy with is not reported', async (t) => {
  const store = await temporaryStore(t);
  let proceed = () => {};
  const arrived = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  const hold = { release: () => {} };
  const source = async function* () {
    const archive = tar([{ name: 'a', data: 'x' }]);
    yield archive.subarray(0, 512);
    await new Promise<void>((resolve) => {
      hold.release = resolve;
      proceed();
    });
    yield archive.subarray(512);
  };
  const applying = store.apply(source());
  await arrived;
  t.is((await readdir(join(store.root, '.node-aufs/staging'))).length, 1);
  t.deepEqual((await store.check()).findings, []);
  const stopped = new AbortController();
  setTimeout(() => stopped.abort(new Error('enough')), 50);
  await t.throwsAsync(store.check({ repair: true, signal: stopped.signal }), { message: 'enough' });
  hold.release();
  await applying;
  t.true((await store.check({ repair: true })).clean);
  t.is((await store.layers()).length, 1);
});

test('check is clean while layers are made and removed', async (t) => {
  const store = await temporaryStore(t);
  const work = Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 10; i++) await (await store.createLayer()).remove();
  });
  let busy = true;
  const done = Promise.all(work).finally(() => {
    busy = false;
  });
  while (busy)
    t.deepEqual(
      (await store.check()).findings.filter(({ kind }) => kind !== 'stale-lock'),
      [],
    );
  await done;
});

test('a symlink in the place of a layer is not followed', async (t) => {
  const root = await threeLayers(t);
  const outside = await temporaryDirectory(t);
  await write(outside, { precious: 'x' });
  await symlink(outside, join(root, 'diff', `${X}-removing`));
  await rm(join(root, 'diff', C), { recursive: true });
  await symlink(outside, join(root, 'diff', C));
  await (await look(root)).check({ repair: true });
  t.deepEqual(await readdir(outside), ['precious']);
  t.true((await found(root)).includes(`unknown-name diff/${C} false`));
});

test('a store of which two layers were cut off mounts again what was there', async (t) => {
  const root = await threeLayers(t);
  await truncate(join(root, 'layers', B), 0);
  await truncate(join(root, 'layers', C), 10);
  t.true((await (await look(root)).check({ repair: true })).clean);
  const branches = (await (await openStore(root)).layer(C)).branches();
  t.deepEqual(
    branches.map(({ path }) => path),
    [C, B, A].map((one) => join(root, 'diff', one)),
  );
});

const mounting = canMount ? test.serial : test.skip;
mounting(
  `what a mount out of sight still uses is no leftover${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    const store = await temporaryStore(t);
    const base = await store.createLayer();
    const layer = await store.createLayer({ parent: base });
    const { target } = await layer.mount({ persist: true });
    const path = join(store.root, `diff/${layer.id}-removing`);
    const lock = `stale-lock .node-aufs/locks/${layer.id} true`;
    await writeFile(join(target, 'file'), 'mine');
    const file = await open(join(target, 'file'));
    try {
      t.true((await layer.remove({ force: true })).deferred);
      t.deepEqual(await found(store.root), [lock], 'a notice, as after each removal');
      const plan = await (await look(store.root)).gc({ dryRun: true });
      t.false(plan.leftovers.some((leftover) => leftover.path === path));
      const { findings } = await (await look(store.root)).check({ repair: true });
      t.deepEqual(
        findings.map(({ kind }) => kind),
        ['stale-lock'],
      );
      t.is(await readFile(join(path, 'file'), 'utf8'), 'mine');
      t.is((await file.readFile()).toString(), 'mine', 'its users go on');
    } finally {
      await file.close();
    }
    await until(async () => (await found(store.root)).length > 0);
    t.deepEqual(await found(store.root), [`removing diff/${layer.id}-removing true`]);
    t.true((await (await look(store.root)).check({ repair: true })).clean);
    t.deepEqual(await readdir(join(store.root, 'diff')), [base.id]);
  },
);

mounting(`a dead mount is found and taken away${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  const layer = await store.createLayer({ parent: base });
  const mount = await layer.mount({ persist: true });
  t.deepEqual(await found(store.root), []);
  killAtOnce(processes(mount.target));
  await until(async () => (await found(store.root)).length > 0);
  t.deepEqual(await found(store.root), [`dead-mount mnt/${layer.id} true`]);
  t.true((await store.check({ repair: true })).clean);
  t.false(await layer.mounted());
  await mkdir(join(layer.mountPath, 'usable'));
});
