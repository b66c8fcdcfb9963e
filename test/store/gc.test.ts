// SPDX-License-Identifier: MIT
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { mount } from '../../lib/mount.ts';
import { type Layer, openStore, type Store } from '../../lib/store/index.ts';
import { facts, tar } from './archive_helper.ts';
import { canMount, id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

const cache = { cache: '' };

async function cached(store: Store, parent?: Layer, labels: Record<string, string> = cache): Promise<Layer> {
  const data = 'x'.repeat(100_000);
  return (await store.apply([tar([{ name: 'a', data }])], { parent, labels })).layer;
}

async function idsOf(store: Store): Promise<string[]> {
  return (await store.layers()).map((layer) => layer.id);
}

test('gc removes cached layers that nothing references, children first; dry run only says so', async (t) => {
  const store = await temporaryStore(t);
  const base = await cached(store);
  const middle = await cached(store, base);
  const before = await facts(store.root);
  const planned = await store.gc({ dryRun: true });
  t.deepEqual(
    planned.layers.map((layer) => layer.id),
    [middle.id, base.id],
  );
  t.true(planned.bytes >= 200_000);
  t.deepEqual(await facts(store.root), before);
  const done = await store.gc();
  t.deepEqual({ ...done, dryRun: true }, planned);
  t.deepEqual(await idsOf(store), []);
});

test('gc keeps what is referenced, and says why', async (t) => {
  const store = await temporaryStore(t);
  const plain = await cached(store, undefined, {});
  const kept = await cached(store, undefined, { cache: '', keep: 'please' });
  const below = await cached(store);
  const writable = await store.createLayer({ parent: below, labels: cache });
  const asked = await cached(store);
  const belowAsked = await cached(store, asked);
  const free = await cached(store);
  const report = await store.gc({ keep: [belowAsked.id.slice(0, 20)] });
  t.deepEqual(
    report.layers.map((layer) => layer.id),
    [free.id],
  );
  t.deepEqual(Object.fromEntries(report.kept.map((one) => [one.id, one.why])), {
    [writable.id]: 'writable',
    [belowAsked.id]: 'asked',
    [asked.id]: 'children',
    [below.id]: 'children',
    [kept.id]: 'keep',
    [plain.id]: 'no-cache',
  });
});

test('gc --all takes read-only layers without the label too, but no writable ones', async (t) => {
  const store = await temporaryStore(t);
  await cached(store, undefined, {});
  const writable = await store.createLayer();
  await store.gc({ all: true });
  t.deepEqual(await idsOf(store), [writable.id]);
});

test('gc removes nothing of a store that Docker made', async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  await write(root, {
    [`diff/${id('a')}/`]: '',
    [`diff/${id('b')}/`]: '',
    [`layers/${id('a')}`]: '',
    [`layers/${id('b')}`]: `${id('a')}\n`,
    'mnt/': '',
  });
  const store = await openStore(root);
  t.deepEqual((await store.gc({ all: true })).layers, []);
  t.is((await idsOf(store)).length, 2);
});

test('gc removes nothing while damage hides what is referenced', async (t) => {
  const store = await temporaryStore(t);
  const base = await cached(store);
  const top = await store.createLayer({ parent: base });
  await writeFile(join(store.root, 'layers', top.id), '');
  await t.throwsAsync(store.gc(), { code: 'ERR_CORRUPT_LAYER', message: /node-aufs check/ });
  t.true((await idsOf(store)).includes(base.id));
  await t.throwsAsync(store.gc({ keep: ['dead'] }), { code: 'ERR_LAYER_NOT_FOUND' });
});

test('gc counts and removes leftovers', async (t) => {
  const store = await temporaryStore(t);
  await write(store.root, {
    [`.node-aufs/staging/${id('b')}/diff/half`]: 'x'.repeat(50_000),
    [`diff/${id('b')}/more`]: 'x'.repeat(50_000),
    [`diff/${id('c')}-removing/x`]: '',
    [`diff/${id('d')}/precious`]: '',
  });
  const { leftovers, bytes } = await store.gc();
  t.is(leftovers.length, 2);
  t.true(bytes >= 100_000);
  const { findings } = await store.check();
  t.deepEqual(
    findings.filter(({ severity }) => severity === 'error').map(({ kind }) => kind),
    ['diff-orphan'],
  );
});

const mounting = canMount ? test.serial : test.skip;
mounting(
  `gc keeps layers that are mounted, here or elsewhere${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    const store = await temporaryStore(t);
    const one = await cached(store);
    const other = await cached(store);
    await using _ = await one.mount();
    const target = await temporaryDirectory(t);
    await using elsewhere = await mount(target, {
      branches: [{ path: other.diffPath, mode: 'ro+wh' }],
      readOnly: true,
    });
    t.deepEqual((await store.gc()).layers, []);
    await elsewhere.unmount();
    t.deepEqual(
      (await store.gc()).layers.map((layer) => layer.id),
      [other.id],
    );
  },
);
