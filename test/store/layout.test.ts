// SPDX-License-Identifier: MIT
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openStore } from '../../lib/store/index.ts';
import { id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

test("the layout is Docker's: diff, layers, mnt, nearest parent first", async (t) => {
  const store = await temporaryStore(t);
  await store.createLayer({ id: id('a') });
  await store.createLayer({ id: id('b'), parent: id('a') });
  await store.createLayer({ id: `${id('c')}-init`, parent: id('b') });
  const layer = await store.createLayer({ id: id('c'), parent: `${id('c')}-init` });

  t.is((await stat(store.root)).mode & 0o7777, 0o710);
  t.deepEqual((await readdir(store.root)).sort(), ['.node-aufs', 'diff', 'layers', 'mnt']);
  const ids = [id('a'), id('b'), id('c'), `${id('c')}-init`];
  for (const folder of ['diff', 'layers', 'mnt'])
    t.deepEqual((await readdir(join(store.root, folder))).sort(), ids);
  t.is(await readFile(join(store.root, 'layers', id('a')), 'utf8'), '');
  t.is(await readFile(join(store.root, 'layers', id('b')), 'utf8'), `${id('a')}\n`);
  const chain = await readFile(join(store.root, 'layers', id('c')), 'utf8');
  t.is(chain, `${id('c')}-init\n${id('b')}\n${id('a')}\n`);
  t.is((await stat(layer.diffPath)).mode & 0o7777, 0o755);
  t.is((await stat(layer.mountPath)).mode & 0o7777, 0o755);
  t.deepEqual(layer.parents, [`${id('c')}-init`, id('b'), id('a')]);
  t.deepEqual(await readdir(join(store.root, '.node-aufs/staging')), []);
});

test.serial('the umask of the caller does not count', async (t) => {
  const before = process.umask(0o077);
  t.teardown(() => void process.umask(before));
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  t.is((await stat(layer.diffPath)).mode & 0o7777, 0o755);
});

test('a store that Docker made works, and keeps its layout', async (t) => {
  const root = await temporaryDirectory(t);
  await write(root, {
    [`diff/${id('1')}/etc/hosts`]: 'one',
    [`diff/${id('2')}/etc/.wh.hosts`]: '',
    [`mnt/${id('1')}/`]: '',
    [`mnt/${id('2')}/`]: '',
    [`layers/${id('1')}`]: '',
    // Docker's readers skip blank lines.
    [`layers/${id('2')}`]: `\n${id('1')}\n\n`,
  });
  const store = await openStore(root, { create: false });
  const [base, top] = await store.layers();
  t.deepEqual([base?.id, base?.parents, base?.created, base?.readOnly], [id('1'), [], undefined, false]);
  t.deepEqual(top?.parents, [id('1')]);
  t.deepEqual(
    (await top?.changes())?.map(({ kind, path }) => `${kind} ${path}`),
    ['C /etc', 'D /etc/hosts'],
  );
  const made = await store.createLayer({ parent: id('2') });
  t.deepEqual(made.parents, [id('2'), id('1')]);
  await made.remove();
  await top?.remove();
  t.deepEqual(await readdir(join(root, 'layers')), [id('1')]);
});

test('a directory that is something else is not taken for a store', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'precious'), '');
  await t.throwsAsync(openStore(root), { code: 'ERR_STORE' });
  await t.throwsAsync(openStore(join(root, 'precious')), { code: 'ERR_STORE' });
  await t.throwsAsync(openStore(join(root, 'nope'), { create: false }), { code: 'ERR_STORE' });
  t.deepEqual(await readdir(root), ['precious']);
  await mkdir(join(root, 'empty'));
  await t.throwsAsync(openStore(join(root, 'empty'), { create: false }), { code: 'ERR_STORE' });
  await openStore(join(root, 'empty'));
});

test('info says what Docker says', async (t) => {
  const store = await temporaryStore(t);
  await store.createLayer();
  const info = await store.info();
  t.like(info, { storageDriver: 'aufs', rootDir: store.root, dirs: 1, dirperm1Supported: true, mounted: 0 });
  t.regex(info.backingFilesystem, /^\w+$/);
});
