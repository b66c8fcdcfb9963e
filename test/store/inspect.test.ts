// SPDX-License-Identifier: MIT
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { tar } from './archive_helper.ts';
import { canMount, id, temporaryStore } from './store_helper.ts';

test('tree: which layer stands on which', async (t) => {
  const store = await temporaryStore(t);
  await store.createLayer({ id: id('a'), labels: { name: 'base' } });
  await store.createLayer({ id: id('b'), parent: id('a') });
  await store.createLayer({ id: id('c'), parent: id('b'), readOnly: true });
  await store.createLayer({ id: id('d'), parent: id('a') });
  await store.createLayer({ id: id('e') });
  await writeFile(join(store.root, 'layers', id('e')), 'garbage\n');
  const [a, e, ...others] = await store.tree({ size: true });
  t.deepEqual(others, []);
  t.like(a, {
    id: id('a'),
    name: 'base',
    labels: { name: 'base' },
    readOnly: false,
    mounted: false,
    size: 0,
  });
  t.deepEqual(
    a?.children.map((child) => [child.id, child.children.map((one) => [one.id, one.readOnly])]),
    [
      [id('b'), [[id('c'), true]]],
      [id('d'), []],
    ],
  );
  t.regex(e?.problem ?? '', /ERR_CORRUPT_LAYER/);
  t.is((await store.tree())[0]?.size, null);
});

test('find: by id, then by name, then by the beginning of an id', async (t) => {
  const store = await temporaryStore(t);
  await store.createLayer({ id: id('a'), labels: { name: 'bbb' } });
  await store.createLayer({ id: id('b'), labels: { name: id('a') } });
  await store.createLayer({ id: id('c'), labels: { name: 'twice' } });
  await store.createLayer({ id: id('d'), labels: { name: 'twice' } });
  t.is((await store.find(id('a'))).id, id('a'));
  t.is((await store.find('bbb')).id, id('a'));
  t.is((await store.find('bb')).id, id('b'));
  await t.throwsAsync(store.find('twice'), { code: 'ERR_LAYER_ID', message: /2 layers.*c{64}/ });
  await t.throwsAsync(store.find('../x'), { code: 'ERR_LAYER_ID' });
  await t.throwsAsync(store.find('ee'), { code: 'ERR_LAYER_NOT_FOUND' });
});

test('inspect: everything of a layer that was applied, and of a damaged one', async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  const archive = tar([{ name: 'a', data: 'x'.repeat(5000) }]);
  const { layer, diffId } = await store.apply([archive], { parent: base, labels: { name: 'web', keep: '' } });
  const top = await store.createLayer({ parent: layer });
  const found = await store.inspect('web');
  t.like(found, {
    id: layer.id,
    name: 'web',
    labels: { name: 'web', keep: '' },
    parents: [base.id],
    children: [top.id],
    depth: 2,
    readOnly: true,
    diffId,
    mount: null,
    reference: 'keep',
    usage: { apparentBytes: 5000, entries: 1 },
    problem: null,
  });
  t.true((found.recordBytes ?? 0) > 20);
  await writeFile(join(store.root, 'layers', top.id), 'garbage\n');
  t.is((await store.inspect(top)).problem, null, 'as it was when it was looked up');
  t.regex((await store.inspect(top.id)).problem ?? '', /ERR_CORRUPT_LAYER/);
});

const mounting = canMount ? test.serial : test.skip;
mounting(`inspect tells of the mount and its server${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await using mount = await layer.mount();
  const found = await store.inspect(layer);
  t.like(found.mount, { target: mount.target, type: 'fuse.node-aufs', readOnly: false });
  t.is(found.mount?.servers.length, 2);
  t.true((await store.tree())[0]?.mounted);
});
