// SPDX-License-Identifier: MIT
// From new driver to removed layer, named after the tests of Docker's aufs driver (daemon/graphdriver/aufs/aufs_test.go).
import { mkdir, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { unmount } from '../../lib/mount.ts';
import { openStore } from '../../lib/store/index.ts';
import { canMount, id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';
const [A, B, C] = [id('a'), id('b'), id('c')];
const FOLDERS = ['diff', 'layers', 'mnt'];

test('NewDriver: on a missing, an empty and an existing directory', async (t) => {
  const directory = await temporaryDirectory(t);
  const root = join(directory, 'not', 'there');
  for (const place of [root, join(directory, 'empty')]) {
    if (place !== root) await mkdir(place);
    await openStore(place);
    for (const folder of FOLDERS) t.true((await stat(join(place, folder))).isDirectory(), folder);
  }
  await (await openStore(root)).graphDriver().create(A);
  t.true(await (await openStore(root)).graphDriver().exists(A), 'what is there stays');
});

test('CreateDirStructure, CreateReadWrite: each layer has its three places', async (t) => {
  const { root, ...store } = await temporaryStore(t).then((it) => ({
    root: it.root,
    driver: it.graphDriver(),
  }));
  await store.driver.create(A);
  await store.driver.createReadWrite(B, A, { labels: { name: 'b' } });
  await store.driver.create(`${C}-init`, 'b');
  for (const [layer, chain] of [
    [A, ''],
    [B, `${A}\n`],
    [`${C}-init`, `${B}\n${A}\n`],
  ] as const) {
    t.is(await readFile(join(root, 'layers', layer), 'utf8'), chain);
    t.deepEqual(await readdir(join(root, 'diff', layer)), []);
    t.deepEqual(await readdir(join(root, 'mnt', layer)), []);
  }
});

test('CreateWithInvalidParent, an id that is taken, storage options: nothing is made', async (t) => {
  const driver = (await temporaryStore(t)).graphDriver();
  await t.throwsAsync(driver.create(A, B), { code: 'ERR_PARENT_NOT_FOUND' });
  await t.throwsAsync(driver.create(A, undefined, { storageOpt: { size: '1G' } }), {
    code: 'ERR_UNSUPPORTED',
  });
  await t.throwsAsync(driver.create('docker'), { code: 'ERR_LAYER_ID' });
  t.false(await driver.exists(A));
  await driver.create(A, '');
  await t.throwsAsync(driver.create(A), { code: 'ERR_LAYER_EXISTS' });
});

test('RemoveImage: all places go; what others stand on stays; what is not there is no error', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  await driver.create(A);
  await driver.create(B, A);
  await t.throwsAsync(driver.remove(A), { code: 'ERR_LAYER_HAS_CHILDREN' });
  t.like(await driver.remove(B), { id: B, deferred: false, holders: [] });
  await driver.remove(A);
  t.is(await driver.remove(A), undefined);
  for (const folder of FOLDERS) t.deepEqual(await readdir(join(store.root, folder)), [], folder);
});

test('CleanupWithNoDirs, CleanupWithDir: layers stay', async (t) => {
  const driver = (await temporaryStore(t)).graphDriver();
  await driver.cleanup();
  await driver.create(A);
  await driver.cleanup();
  t.true(await driver.exists(A));
});

test('InitStaleCleanup: directories of interrupted removals go when a store is opened', async (t) => {
  const { root } = await temporaryStore(t);
  await write(root, {
    [`diff/${A}-removing/x`]: '',
    [`mnt/${A}-removing/`]: '',
    [`diff/${B}-removing/y/z`]: '',
  });
  await openStore(root);
  for (const folder of FOLDERS) t.deepEqual(await readdir(join(root, folder)), [], folder);
});

test('who uses a layer is forgotten with it: at once, with the last put, or at the next open', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const folder = join(store.root, '.node-aufs/holders');
  const kinds = async () =>
    (await store.check()).findings.map(({ kind }) => kind).filter((kind) => kind !== 'stale-lock');
  const dead = { [`.node-aufs/holders/${A}`]: '[{"process":"1 1 another start of the machine","count":1}]' };
  await driver.create(A);
  await write(store.root, dead);
  await driver.remove(A);
  t.deepEqual(await readdir(folder), []);

  await driver.create(A);
  await driver.get(A);
  await driver.remove(A);
  t.deepEqual(await readdir(folder), [A], 'this process has it to give back');
  t.deepEqual(await kinds(), []);
  await openStore(store.root);
  await driver.put(A);
  t.deepEqual(await readdir(folder), []);

  await write(store.root, { ...dead, [`.node-aufs/holders/.${A}.0123456789ab`]: '' });
  t.deepEqual((await kinds()).sort(), ['stale-holders', 'temporary']);
  await openStore(store.root);
  t.deepEqual(await readdir(folder), []);
});

mounting(`RemoveMountedDir: a mount that nobody uses goes with its layer${why}`, async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  await driver.create(A);
  await driver.create(B, A);
  await driver.get(B);
  t.like(await driver.remove(B), { deferred: false, holders: [] });
  t.deepEqual(
    (await readMounts()).filter(({ target }) => target.includes(B)),
    [],
  );
  for (const folder of FOLDERS) t.deepEqual(await readdir(join(store.root, folder)), [A], folder);
  await driver.put(B);
  await t.throwsAsync(driver.put(B), { code: 'ERR_LAYER_NOT_FOUND' });
});

mounting(
  `a layer with a busy mount is removed: users are named, go on, and data is freed with the last one${why}`,
  async (t) => {
    const store = await temporaryStore(t);
    const driver = store.graphDriver();
    const base = await driver.create(A);
    await write(base.diffPath, { below: 'below' });
    for (const [layer, free] of [
      [B, () => driver.put(B)],
      [C, () => store.gc()],
    ] as const) {
      await driver.create(layer, A);
      const path = await driver.get(layer);
      await writeFile(join(path, 'file'), 'mine');
      const file = await open(join(path, 'file'), 'r+');
      try {
        const refused = await t.throwsAsync((await store.layer(layer)).remove(), {
          code: 'ERR_LAYER_MOUNTED',
        });
        t.regex(refused?.message ?? '', new RegExp(`pid ${process.pid}`));
        const removed = await driver.remove(layer);
        t.true(removed?.deferred);
        t.true(removed?.holders.some(({ pid }) => pid === process.pid));
        t.false(await driver.exists(layer));
        await openStore(store.root);
        t.is((await file.readFile()).toString(), 'mine', 'its users go on');
        t.true((await readdir(join(store.root, 'diff'))).includes(`${layer}-removing`));
        await driver.create(layer, A);
        await driver.remove(layer);
      } finally {
        await file.close();
      }
      for (let tries = 0; tries < 100; tries++) {
        if (tries === 0 || layer !== B) await free();
        else await openStore(store.root);
        if ((await readdir(join(store.root, 'diff'))).length === 1) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      for (const folder of FOLDERS) t.deepEqual(await readdir(join(store.root, folder)), [A], folder);
    }
  },
);

mounting(`MountMoreThan42Layers, 128 layers, with paths of any length${why}`, async (t) => {
  t.timeout(120_000);
  const directory = await temporaryDirectory(t);
  let root = join(directory, 's');
  const ids = Array.from({ length: 128 }, (_, i) => (i + 1).toString(16).padStart(64, '0'));
  {
    const driver = (await openStore(root)).graphDriver();
    for (const [i, layer] of ids.entries()) {
      const { diffPath } = await driver.create(layer, ids[i - 1]);
      // What the layer below has brought goes: only one of the files is seen.
      await write(diffPath, {
        [`f${i}`]: `${i}`,
        ...(i === 0 ? {} : { [`.wh.f${i - 1}`]: '' }),
        all: `${i}`,
      });
    }
  }
  // The options of a mount are its branches' paths: their ends cross pages of 4,096 bytes in one of these.
  for (const [count, pad] of [
    [43, 1],
    [128, 1],
    [128, 8],
    [128, 23],
    [128, 64],
    [128, 200],
  ] as const) {
    const next = join(directory, 's'.repeat(pad));
    if (next !== root) await rename(root, next);
    root = next;
    const store = await openStore(root);
    const driver = store.graphDriver();
    const top = ids[count - 1] ?? '';
    const path = await driver.get(top);
    t.deepEqual((await readdir(path)).sort(), ['all', `f${count - 1}`]);
    t.is(await readFile(join(path, 'all'), 'utf8'), `${count - 1}`);
    await driver.put(top);
    await t.throwsAsync(unmount(path), { code: 'ERR_NOT_MOUNTED' });
  }
});
