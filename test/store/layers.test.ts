// SPDX-License-Identifier: MIT
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { binding } from '../../lib/binding.ts';
import { id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

test('a layer is found by a unique beginning of its id', async (t) => {
  const store = await temporaryStore(t);
  await store.createLayer({ id: `ab${id('0').slice(2)}` });
  await store.createLayer({ id: `ac${id('0').slice(2)}` });
  await store.createLayer({ id: `ac${id('0').slice(2)}-init` });
  t.is((await store.layer('ab')).id, `ab${id('0').slice(2)}`);
  t.is((await store.layer(`ac${id('0').slice(2)}`)).id.endsWith('-init'), false);
  const error = await t.throwsAsync(store.layer('a'), { code: 'ERR_LAYER_ID' });
  t.regex(error?.message ?? '', /3 layer ids/);
  await t.throwsAsync(store.layer('b'), { code: 'ERR_LAYER_NOT_FOUND' });
});

for (const bad of [
  '../x',
  '..',
  '',
  '/',
  `${id('a')}/../x`,
  `${id('A')}`,
  `${id('a')}a`,
  `${id('a')}-init2`,
  'a\n',
  'x',
]) {
  test(`refused as a layer id: ${JSON.stringify(bad)}`, async (t) => {
    const store = await temporaryStore(t);
    await t.throwsAsync(store.createLayer({ id: bad }), { code: 'ERR_LAYER_ID' });
    await t.throwsAsync(store.createLayer({ parent: bad }), { code: 'ERR_LAYER_ID' });
    await t.throwsAsync(store.layer(bad), { code: 'ERR_LAYER_ID' });
    t.deepEqual(await readdir(join(store.root, 'diff')), []);
  });
}

test('an unknown parent and an id that is taken leave nothing behind', async (t) => {
  const store = await temporaryStore(t);
  await store.createLayer({ id: id('a') });
  await t.throwsAsync(store.createLayer({ id: id('b'), parent: id('c') }), { code: 'ERR_PARENT_NOT_FOUND' });
  await t.throwsAsync(store.createLayer({ id: id('a') }), { code: 'ERR_LAYER_EXISTS' });
  await t.throwsAsync(store.createLayer({ from: join(store.root, 'nope') }), { code: 'ENOENT' });
  await t.throwsAsync(store.createLayer({ from: store.root, at: '../x' }), { code: 'ERR_RESERVED_NAME' });
  for (const folder of ['diff', 'layers', 'mnt'])
    t.deepEqual(await readdir(join(store.root, folder)), [id('a')]);
  t.deepEqual(await readdir(join(store.root, '.node-aufs/staging')), []);
});

test('a directory without a layer is not overwritten', async (t) => {
  const store = await temporaryStore(t);
  await write(store.root, { [`diff/${id('a')}/precious`]: 'data' });
  await t.throwsAsync(store.createLayer({ id: id('a') }), { code: 'ERR_LAYER_EXISTS' });
  t.is(await readFile(join(store.root, 'diff', id('a'), 'precious'), 'utf8'), 'data');
});

test('a layer made of a directory holds a copy, and is read-only', async (t) => {
  const source = await temporaryDirectory(t);
  await write(source, { 'a/b': '12345', c: '1', 'empty/': '' });
  const store = await temporaryStore(t);
  const layer = await store.createLayer({ from: source, at: 'opt/app', labels: { name: 'app' } });
  t.true(layer.readOnly);
  t.deepEqual(layer.labels, { name: 'app' });
  t.is(await readFile(join(layer.diffPath, 'opt/app/a/b'), 'utf8'), '12345');
  t.deepEqual(await readdir(join(layer.diffPath, 'opt/app/empty')), []);
  t.is(await layer.diffSize(), 6);
  t.deepEqual(
    (await layer.changes()).map(({ kind, path }) => `${kind} ${path}`),
    ['A /opt', 'A /opt/app', 'A /opt/app/a', 'A /opt/app/a/b', 'A /opt/app/c', 'A /opt/app/empty'],
  );
});

test('commit copies the changes to a new read-only layer on the same parent', async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  await write(base.diffPath, { gone: '', kept: '' });
  const layer = await store.createLayer({ parent: base, labels: { name: 'work' } });
  await write(layer.diffPath, { new: 'n', '.wh.gone': '', 'dir/.wh..wh..opq': '' });
  const committed = await layer.commit();
  t.true(committed.readOnly);
  t.is(committed.parent, base.id);
  t.deepEqual(committed.labels, { name: 'work' });
  t.deepEqual((await readdir(committed.diffPath)).sort(), ['.wh.gone', 'dir', 'new']);
  t.deepEqual(await readdir(join(committed.diffPath, 'dir')), ['.wh..wh..opq']);
  await writeFile(join(layer.diffPath, 'new'), 'later');
  t.is(await readFile(join(committed.diffPath, 'new'), 'utf8'), 'n');
  t.deepEqual(await committed.changes(), await committed.changes());
});

test('a layer that others stand on is not removed', async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  const middle = await store.createLayer({ parent: base });
  const top = await store.createLayer({ parent: middle });
  const error = await t.throwsAsync(base.remove(), { code: 'ERR_LAYER_HAS_CHILDREN' });
  t.true(error?.message.includes(middle.id));
  await t.throwsAsync(middle.remove(), { code: 'ERR_LAYER_HAS_CHILDREN' });
  for (const layer of [top, middle, base]) await layer.remove();
  for (const folder of ['diff', 'layers', 'mnt', '.node-aufs/layers', '.node-aufs/staging']) {
    t.deepEqual(await readdir(join(store.root, folder)), []);
  }
});

test('a layer whose branch a union writes to is not removed', async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  const lock = await binding().flock(layer.diffPath, true);
  t.not(lock, null);
  await t.throwsAsync(layer.remove(), { code: 'ERR_BRANCH_BUSY' });
  if (lock !== null) binding().unlock(lock);
  await layer.remove();
  await t.throwsAsync(stat(layer.diffPath), { code: 'ENOENT' });
});

test('an aborted create leaves nothing', async (t) => {
  const store = await temporaryStore(t);
  const reason = new Error('enough');
  await t.throwsAsync(store.createLayer({ signal: AbortSignal.abort(reason) }), { is: reason });
  t.deepEqual(await readdir(join(store.root, 'diff')), []);
});

test('many layers can be made on one parent at once', async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  await mkdir(join(base.diffPath, 'x'));
  const layers = await Promise.all(Array.from({ length: 24 }, () => store.createLayer({ parent: base })));
  t.is(new Set(layers.map((layer) => layer.id)).size, 24);
  await Promise.all(layers.map((layer) => layer.remove()));
  t.is((await store.layers()).length, 1);
});
