// SPDX-License-Identifier: MIT
// Diff, Changes and ApplyDiff between any two layers: what is applied on the one must show the other.
import { chmod, link, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Change } from '../../lib/binding.ts';
import type { Layer, Store } from '../../lib/store/index.ts';
import { Union } from '../../lib/union.ts';
import { oneOf, seeded } from '../helpers/random.ts';
import { randomLayer } from '../model/random_layer.ts';
import { collect, sha256, tar } from './archive_helper.ts';
import { id, temporaryStore, write } from './store_helper.ts';
import { unionFacts } from './union_facts.ts';

const [A, B, C, D] = [id('a'), id('b'), id('c'), id('d')];

function lines(changes: readonly Change[]): string[] {
  return changes.map(({ kind, path }) => `${kind} ${path}`);
}

/** Applies the difference of `layer` to `other` on that one and compares what is seen. */
async function roundTrip(
  t: ExecutionContext,
  store: Store,
  layer: Layer,
  other: Layer | null,
): Promise<void> {
  const driver = store.graphDriver();
  const archive = await collect(await driver.diff(layer.id, other?.id ?? null));
  const { layer: copy } = await store.apply([archive], { parent: other ?? undefined });
  t.deepEqual(await unionFacts(copy), await unionFacts(layer), `${layer.id} on ${other?.id ?? 'nothing'}`);
  await copy.remove();
}

test('GetDiff: of the parent it is the archive of the layer, of nothing the whole', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const a = await driver.create(A);
  await write(a.diffPath, { 'etc/hosts': 'base', 'usr/a': 'a' });
  const b = await driver.createReadWrite(B, A);
  await write(b.diffPath, { 'etc/.wh.hosts': '', new: 'n' });
  const own = await collect(await driver.diff(B));
  t.deepEqual(own, await collect(b.archive()));
  t.deepEqual(await collect(await driver.diff(B, A)), own);
  t.deepEqual(lines(await driver.changes(B, null)), ['A /etc', 'A /new', 'A /usr', 'A /usr/a']);
  t.is(await driver.diffSize(B, ''), 2);
  t.deepEqual(await collect(await driver.diff(A, null)), await collect(a.archive()));
  await roundTrip(t, store, b, null);
});

test('Diff to ancestors, siblings and unrelated layers leads to what the layer shows', async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer({ id: A });
  await write(base.diffPath, { 'd/e/f': '1', 'd/g': '2', 'x/y/z': '3', h: '4', i: '5', 'opq/1/2': '6' });
  await link(join(base.diffPath, 'h'), join(base.diffPath, 'hard'));
  await symlink('h', join(base.diffPath, 'soft'));
  // A file for a directory, a directory for a file, an opaque directory, names that go, a mode and a time that change.
  const left = await store.createLayer({ id: B, parent: base });
  await write(left.diffPath, {
    x: 'file',
    'h/dir': 'h',
    'opq/.wh..wh..opq': '',
    'opq/1/new': '',
    '.wh.i': '',
  });
  await mkdir(join(left.diffPath, 'd'));
  await chmod(join(left.diffPath, 'd'), 0o700);
  const right = await store.createLayer({ id: C, parent: base });
  await write(right.diffPath, { 'd/e/deep/er': '7', 'd/.wh.g': '', i: '5' });
  await symlink('elsewhere', join(right.diffPath, 'soft'));
  const top = await store.createLayer({ id: D, parent: right });
  await write(top.diffPath, { 'd/e/deep/.wh.er': '', 'late/1': '8' });
  await link(join(top.diffPath, 'late/1'), join(top.diffPath, 'late/2'));
  await writeFile(Buffer.concat([Buffer.from(`${top.diffPath}/late/`), Buffer.from([0xff, 0x80])]), 'bytes');
  const alone = await store.createLayer({ id: id('e') });
  await write(alone.diffPath, { 'd/e': 'no directory', only: 'o', 'opq/1/2': '6' });
  const layers = [base, left, right, top, alone];
  for (const layer of layers) {
    for (const other of [null, ...layers]) await roundTrip(t, store, layer, other);
  }
  const changes = lines(await store.graphDriver().changes(D, B));
  const expected = [
    'A /d/e/deep',
    'D /d/g',
    'C /h',
    'A /i',
    'C /opq',
    'A /opq/1/2',
    'C /x',
    'A /x/y',
    'A /x/y/z',
  ];
  t.deepEqual(
    expected.filter((line) => !changes.includes(line)),
    [],
  );
});

test('what two unrelated layers have alike is not told: content counts where times and sizes do not differ', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const [a, b] = [await driver.create(A), await driver.create(B)];
  for (const layer of [a, b]) {
    await write(layer.diffPath, { same: 'same', data: layer === a ? 'one' : 'two' });
    await symlink(layer === a ? 'one' : 'two', join(layer.diffPath, 'link'));
    for (const name of ['same', 'data']) await utimes(join(layer.diffPath, name), 1e9, 1e9);
  }
  t.deepEqual(lines(await driver.changes(B, A)), ['C /data', 'C /link']);
  t.is(await driver.diffSize(B, A), 3);
});

test('a diff takes hard links along, and the chosen attributes of the topmost directory', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const a = await driver.create(A);
  await write(a.diffPath, { 'd/1': 'linked' });
  await link(join(a.diffPath, 'd/1'), join(a.diffPath, 'd/2'));
  await driver.create(B, A);
  const archive = await collect(await driver.diff(B, null, { format: 'docker', latestTime: 7 }));
  const { layer, entries } = await driver.applyDiff(C, undefined, [archive]);
  t.is(entries, 3);
  const union = await Union.open({ branches: layer.branches() });
  t.is((await union.stat('/d/1')).nlink, 2);
  t.is((await union.stat('/d')).mtimeMs, 7000);
  await union.close();
});

test('Diff between random layers, on common bases and on different ones', async (t) => {
  const store = await temporaryStore(t);
  const pick = seeded(20261124);
  const layers: Layer[] = [];
  for (let i = 0; i < 5; i++) {
    const parent = i < 2 ? undefined : oneOf(pick, layers);
    const layer = await store.createLayer({ parent });
    randomLayer(layer.diffPath, pick, { whiteouts: parent !== undefined, hardLinks: true });
    layers.push(layer);
  }
  for (const layer of layers) {
    for (const other of layers) await roundTrip(t, store, layer, other);
  }
});

test('ApplyDiff: into a layer that Create has made, and only into an empty one', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  await driver.create(A);
  const layer = await driver.create(B, A, { labels: { name: 'b' } });
  const archive = tar([
    { name: 'd/', type: '5' },
    { name: 'd/f', data: 'file' },
  ]);
  await t.throwsAsync(driver.applyDiff(B, undefined, [archive]), { code: 'ERR_PARENT_NOT_FOUND' });
  await t.throwsAsync(driver.applyDiff(B, A, [archive.subarray(0, 700)]), { code: 'ERR_ARCHIVE' });
  t.deepEqual(await readdir(layer.diffPath), [], 'as it was');
  const { layer: filled, size, diffId } = await driver.applyDiff(B, A, [archive]);
  t.is(size, 4);
  t.is(diffId, sha256(archive));
  t.true(filled.readOnly);
  t.deepEqual(filled.labels, { name: 'b' });
  t.is(await readFile(join(layer.diffPath, 'd/f'), 'utf8'), 'file');
  t.deepEqual(await collect(filled.archive({ exact: true })), archive);
  await t.throwsAsync(driver.applyDiff(B, A, [archive]), { code: 'ERR_LAYER_EXISTS' });
  t.is((await driver.applyDiff(C, B, [archive])).layer.parent, B);
  t.deepEqual((await store.check()).findings, []);
});

test('DiffGetter: files of the layer itself by name, never through a symlink out of it', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const a = await driver.create(A);
  await write(a.diffPath, { below: 'b', 'd/f': 'data' });
  await symlink('/etc/passwd', join(a.diffPath, 'out'));
  await driver.create(B, A);
  await using getter = await driver.diffGetter(A);
  t.is((await collect(await getter.get('d/f'))).toString(), 'data');
  await t.throwsAsync(getter.get('out'), { code: 'ENOENT' });
  await using other = await driver.diffGetter(B);
  await t.throwsAsync(other.get('below'), { code: 'ENOENT' });
});

test('Changes: added, modified, deleted; a directory that was only touched is not told, the parent of a change once', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const a = await driver.create(A);
  await write(a.diffPath, { 'd/f': '1', 'd/g': '2', 'e/f/g/h': '3', 'quiet/f': '4' });
  const stamp = (root: string, ...names: string[]) =>
    Promise.all(names.map((name) => utimes(join(root, name), 1e9, 1e9)));
  await stamp(a.diffPath, 'd', 'e', 'e/f', 'e/f/g', 'quiet');
  const b = await driver.create(B, A);
  await write(b.diffPath, {
    'd/.wh.f': '',
    'd/g': 'modified',
    'd/new': '',
    'd/newer': '',
    'e/f/g/i': '',
    'quiet/': '',
  });
  await stamp(b.diffPath, 'd', 'e', 'e/f', 'e/f/g', 'quiet');
  const expected = ['C /d', 'D /d/f', 'C /d/g', 'A /d/new', 'A /d/newer', 'C /e/f/g', 'A /e/f/g/i'];
  t.deepEqual(lines(await driver.changes(B)), expected);
  await driver.create(C, B);
  t.deepEqual(lines(await driver.changes(C, A)), expected, 'told of an ancestor, too');
  t.deepEqual(await driver.changes(C), []);
  t.is(await driver.diffSize(C), 0);
  t.is(await driver.diffSize(C, A), 'modified'.length);
  await rm(join(b.diffPath, 'quiet'), { recursive: true });
});

test('ApplyDiff leaves a committed layer alone, also one without content', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  await driver.applyDiff(A, undefined, [tar([])]);
  const archive = tar([{ name: 'a', data: 'a' }]);
  await t.throwsAsync(driver.applyDiff(A, undefined, [archive]), { code: 'ERR_LAYER_READ_ONLY' });
  t.is((await store.layer(A)).diffId, sha256(tar([])));
  t.deepEqual(await readdir((await store.layer(A)).diffPath), []);
});

test('ApplyDiff that fails at its last step leaves the layer empty, and it can be tried again', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const { diffPath } = await driver.create(A);
  const archive = tar([{ name: 'a', data: 'a' }]);
  await mkdir(join(store.root, '.node-aufs/layers', `${A}.tar-split.json.gz`));
  await t.throwsAsync(driver.applyDiff(A, undefined, [archive]), { code: 'EISDIR' });
  t.deepEqual(await readdir(diffPath), []);
  t.false((await store.layer(A)).readOnly);
  await driver.applyDiff(A, undefined, [archive]);
  t.deepEqual(await readdir(diffPath), ['a']);
});
