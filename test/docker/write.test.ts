// SPDX-License-Identifier: MIT
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { binding } from '../../lib/binding.ts';
import type { AufsError } from '../../lib/errors.ts';
import { type ChainId, chainIdOf, type DockerStore, openDockerStore, openStore } from '../../lib/index.ts';
import { canMount } from '../helpers/stage.ts';
import { tarSplit } from '../helpers/tar_split.ts';
import { readTree } from '../helpers/tree.ts';
import { collect, sha256, tar } from '../store/archive_helper.ts';
import { dockerRoot, mountpoint } from './docker_helper.ts';

const ONE = tar([{ name: 'one', data: 'one' }]);
const TWO = tar([{ name: 'two', data: 'two' }]);

async function place(t: ExecutionContext) {
  const fixture = await dockerRoot(t);
  const options = { readOnly: false, pidFile: join(fixture.scratch, 'docker.pid') };
  const open = (): Promise<DockerStore> => openDockerStore(fixture.root, options);
  const layerdb = join(fixture.root, 'image/aufs/layerdb');
  return { fixture, open, layerdb, store: await open() };
}

/** What the store holds by names, ours aside. */
async function names(root: string): Promise<string[]> {
  const all = await readdir(root, { recursive: true });
  return all.filter((name) => !name.startsWith('aufs/.node-aufs')).sort();
}

test('register writes an entry as Docker does, and the layer is like any other', async (t) => {
  const { fixture, layerdb, store } = await place(t);
  const { layer, existed } = await store.register([ONE], { parent: 'busybox' });
  t.false(existed);
  const diffIds = [...fixture.layers.map(({ archive }) => sha256(archive)), sha256(ONE)];
  t.is(layer.chainId, chainIdOf(diffIds) as ChainId);
  const entry = join(layerdb, 'sha256', layer.chainId.slice(7));
  t.deepEqual((await readdir(entry)).sort(), ['cache-id', 'diff', 'parent', 'size', 'tar-split.json.gz']);
  t.is(await readFile(join(entry, 'cache-id'), 'utf8'), layer.cacheId);
  t.is(await readFile(join(entry, 'diff'), 'utf8'), sha256(ONE));
  t.is(await readFile(join(entry, 'parent'), 'utf8'), fixture.layers[2].chainId);
  t.is(await readFile(join(entry, 'size'), 'utf8'), '3');
  const record = gunzipSync(await readFile(join(entry, 'tar-split.json.gz'))).toString();
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const files = (text: string) => lines(text).filter(({ type }) => type === 1);
  t.deepEqual(
    files(record).map(({ name, size, payload }) => [name, size, payload]),
    files(gunzipSync(tarSplit(ONE)).toString()).map(({ name, size, payload }) => [name, size, payload]),
  );
  const below = fixture.layers
    .map(({ cacheId }) => `${cacheId}\n`)
    .reverse()
    .join('');
  t.is(await readFile(join(fixture.root, 'aufs/layers', layer.cacheId), 'utf8'), below);
  t.true((await collect(layer.archive())).equals(ONE));
  t.deepEqual(await readdir(join(layerdb, 'tmp')), []);
  await (await openStore(join(fixture.root, 'aufs'))).gc({ all: true });
  t.deepEqual((await store.check()).findings, [], 'nobody who sees aufs/ only takes it for garbage');
});

test('a chain id that is known gives the layer that is there, also to many at once', async (t) => {
  const { fixture, open, store } = await place(t);
  const { layer } = await store.register([ONE], { parent: 'busybox' });
  const before = await names(fixture.root);
  const again = await store.register([ONE], { parent: 'busybox' });
  t.true(again.existed);
  t.is(again.layer.cacheId, layer.cacheId);
  t.deepEqual(await names(fixture.root), before, 'what was unpacked is thrown away');
  const known = await store.register([fixture.layers[0].archive]);
  t.true(known.existed);
  t.is<string, string>(known.layer.cacheId, fixture.layers[0].cacheId);

  const stores = await Promise.all(Array.from({ length: 6 }, open));
  const all = await Promise.all(stores.map((each) => each.register([TWO], { parent: layer })));
  t.is(all.filter(({ existed }) => !existed).length, 1);
  t.is(new Set(all.map((each) => each.layer.cacheId)).size, 1);
  t.deepEqual((await store.check()).findings, []);
});

test('an archive that is refused leaves the store as it was', async (t) => {
  const { fixture, store, layerdb } = await place(t);
  const before = await names(fixture.root);
  await t.throwsAsync(store.register([ONE.subarray(0, 700)]), { code: 'ERR_ARCHIVE' });
  const expectedDiffId = sha256(TWO);
  await t.throwsAsync(store.register([ONE], { expectedDiffId }), { code: 'ERR_DIGEST' });
  const twice = tar([
    { name: 'a', data: '1' },
    { name: 'a', data: '2' },
  ]);
  await t.throwsAsync(store.register([twice]), { code: 'ERR_ARCHIVE' });
  await t.throwsAsync(store.register([ONE], { parent: 'nobody' }), { code: 'ERR_LAYER_NOT_FOUND' });
  t.deepEqual(await names(fixture.root), before);
  t.deepEqual(await readdir(join(layerdb, 'tmp')), []);
});

test('release: what nothing needs goes, down to what something needs', async (t) => {
  const { fixture, store, open } = await place(t);
  const before = await names(fixture.root);
  const { layer: one } = await store.register([ONE], { parent: 'busybox' });
  const { layer: two } = await store.register([TWO], { parent: one });
  t.deepEqual(await store.release(one), [], 'a layer stands on it');
  await store.register([TWO], { parent: one });
  t.deepEqual(await store.release(two), [], 'it was registered twice');
  t.deepEqual(
    (await store.release(two)).map(({ chainId }) => chainId),
    [two.chainId, one.chainId],
  );
  t.deepEqual(await names(fixture.root), before);
  t.deepEqual(await store.release('busybox'), [], 'an image and a container need it');

  const { layer: held } = await store.register([ONE], { parent: 'busybox' });
  const { layer: top } = await store.register([TWO], { parent: held });
  t.is((await store.release(top)).length, 1, 'what was registered and not released stays');
  t.is((await (await open()).release(held)).length, 1);
  t.deepEqual(await names(fixture.root), before);
});

test('a chain id whose entry is damaged is told, and stays as it is', async (t) => {
  const { fixture, store } = await place(t);
  await writeFile(join(fixture.layers[0].path, 'cache-id'), '');
  const before = await names(fixture.root);
  await t.throwsAsync(store.register([fixture.layers[0].archive]), { code: 'ERR_CORRUPT_LAYER' });
  t.deepEqual(await names(fixture.root), before);
});

test('release in a damaged store removes nothing', async (t) => {
  const { fixture, store } = await place(t);
  const { layer } = await store.register([ONE]);
  await writeFile(join(fixture.layers[2].path, 'parent'), '');
  const before = await names(fixture.root);
  await t.throwsAsync(store.release(layer), { code: 'ERR_CORRUPT_LAYER' });
  t.deepEqual(await names(fixture.root), before);
});

test('a container: its layers and its entry as Docker makes them, and away again', async (t) => {
  const { fixture, store, layerdb } = await place(t);
  const before = await names(fixture.root);
  const id = 'a'.repeat(64);
  const container = await store.createContainer(id, 'busybox');
  const { mountId } = container;
  t.is(container.initId, `${mountId}-init`);
  const entry = join(layerdb, 'mounts', id);
  t.deepEqual((await readdir(entry)).sort(), ['init-id', 'mount-id', 'parent']);
  t.is(await readFile(join(entry, 'parent'), 'utf8'), fixture.layers[2].chainId);
  t.is(await readFile(join(entry, 'init-id'), 'utf8'), `${mountId}-init`);
  const image = fixture.layers
    .map(({ cacheId }) => `${cacheId}\n`)
    .reverse()
    .join('');
  const chain = (of: string) => readFile(join(fixture.root, 'aufs/layers', of), 'utf8');
  t.is(await chain(`${mountId}-init`), image);
  t.is(await chain(mountId), `${mountId}-init\n${image}`);
  t.deepEqual(await container.changes(), []);
  t.deepEqual((await store.check()).findings, []);
  await t.throwsAsync(store.createContainer(id), { code: 'ERR_LAYER_EXISTS' });
  await t.throwsAsync(store.createContainer('../x'), { code: 'ERR_LAYER_ID' });
  t.deepEqual(await store.removeContainer(id), []);
  t.deepEqual(await names(fixture.root), before);
  await t.throwsAsync(store.removeContainer(id), { code: 'ERR_LAYER_NOT_FOUND' });
});

test('what Docker puts below a container replaces files and links of the image, never through a link', async (t) => {
  const { fixture, store } = await place(t);
  const links = tar([
    { name: 'etc/', type: '5' },
    { name: 'etc/hosts', data: 'of the image' },
    { name: 'etc/mtab', type: '2', link: '/somewhere' },
    { name: 'dev', type: '2', link: '/outside' },
    { name: 'proc/', type: '5', mode: 0o555 },
  ]);
  const { layer } = await store.register([links]);
  const { initId } = await store.createContainer('b'.repeat(64), layer);
  const init = join(fixture.root, 'aufs/diff', initId as string);
  const { etc, dev, '.dockerenv': env } = await readTree(init);
  t.deepEqual(etc, { 'resolv.conf': '', hosts: '', hostname: '', mtab: { link: '/proc/mounts' } });
  t.deepEqual(
    { ...(dev as object), '.wh..wh..opq': undefined },
    { pts: {}, shm: {}, console: '', '.wh..wh..opq': undefined },
  );
  t.is(env, '');
  t.is((await lstat(join(init, 'etc/hosts'))).mode & 0o777, 0o755);
  t.is(await readlink(join(init, 'etc/mtab')), '/proc/mounts');
  // Its image goes with it once nothing holds that.
  t.deepEqual(await store.release(layer), []);
  t.deepEqual(
    (await store.removeContainer('b'.repeat(64))).map(({ chainId }) => chainId),
    [layer.chainId],
  );
});

const mounting = canMount ? test : test.skip;
mounting(`what is mounted is not removed${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  const { fixture, store } = await place(t);
  const { layer } = await store.register([ONE]);
  const onLayer = await layer.mount(await mountpoint(t));
  t.deepEqual(await store.release(layer), []);
  await onLayer.unmount();
  t.is((await store.release(layer)).length, 1);

  const container = await store.createContainer('a'.repeat(64), 'busybox');
  const mounted = await container.mount(await mountpoint(t), { readOnly: false });
  await writeFile(join(mounted.target, 'new'), 'x');
  const before = await names(fixture.root);
  await t.throwsAsync(store.removeContainer(container), { code: 'ERR_BRANCH_BUSY' });
  t.deepEqual(await names(fixture.root), before);
  await mounted.unmount();
  t.deepEqual(
    (await container.changes()).map(({ kind, path }) => `${kind} ${path}`),
    ['A /new'],
  );
  t.deepEqual(await store.removeContainer(container), []);
});

test('opening for writing finishes what was interrupted; a reader leaves it', async (t) => {
  const { fixture, store, open, layerdb } = await place(t);
  const before = await names(fixture.root);
  const { layer } = await store.register([ONE], { parent: 'busybox' });
  const { mountId } = await store.createContainer('a'.repeat(64), 'busybox');
  // Killed while the layer was deleted, and while the container was made.
  await rename(
    join(layerdb, 'sha256', layer.chainId.slice(7)),
    join(layerdb, 'sha256', `${layer.chainId.slice(7)}-0f-removing`),
  );
  await rename(join(layerdb, 'mounts', 'a'.repeat(64)), join(layerdb, 'tmp/write-set-1'));
  await mkdir(join(layerdb, 'tmp/write-set-2'));
  // One whose data something else stands for.
  await mkdir(join(layerdb, 'tmp/write-set-3'));
  await writeFile(join(layerdb, 'tmp/write-set-3/cache-id'), fixture.layers[0].cacheId);
  const left = await names(fixture.root);
  t.is((await (await openDockerStore(fixture.root)).check()).findings.length, 4);
  t.deepEqual(await names(fixture.root), left);
  const opened = await open();
  t.deepEqual((await opened.check()).findings, []);
  t.deepEqual(await names(fixture.root), before);
  t.false((await readdir(join(fixture.root, 'aufs/diff'))).includes(mountId));
  t.true((await opened.verify()).sound);
});

test('what somebody is just making is not collected', async (t) => {
  const { store, layerdb } = await place(t);
  let report: Awaited<ReturnType<DockerStore['gc']>> | undefined;
  async function* slow() {
    yield ONE.subarray(0, 512);
    report = await store.gc();
    yield ONE.subarray(512);
  }
  const { layer } = await store.register(slow());
  t.is(report?.kept.length, 1);
  t.deepEqual(report?.removed, []);
  t.true((await collect(layer.archive())).equals(ONE));
  t.deepEqual(await readdir(join(layerdb, 'tmp')), []);
});

test('a store that is open read-only, or whose Docker came alive, is not written to', async (t) => {
  const { fixture, store } = await place(t);
  const reader = await openDockerStore(fixture.root);
  const before = await names(fixture.root);
  await writeFile(join(fixture.scratch, 'docker.pid'), `${process.pid}`);
  for (const [each, code] of [
    [reader, 'ERR_STORE_READ_ONLY'],
    [store, 'ERR_DOCKER_RUNNING'],
  ] as const) {
    await t.throwsAsync(each.register([ONE]), { code });
    await t.throwsAsync(each.release('busybox'), { code });
    await t.throwsAsync(each.createContainer('a'), { code });
    await t.throwsAsync(each.removeContainer('c'), { code });
    await t.throwsAsync(each.gc(), { code });
  }
  t.deepEqual(await names(fixture.root), before);
  await rm(join(fixture.scratch, 'docker.pid'));
  t.truthy(await store.gc());
});

test('release: a layer below one whose content is lost stays, entry and data', async (t) => {
  const { fixture, store, layerdb } = await place(t);
  const [base, middle] = fixture.layers;
  await rm(fixture.container.path, { recursive: true });
  await rm(join(fixture.root, 'image/aufs/imagedb'), { recursive: true });
  await rm(join(fixture.root, 'image/aufs/repositories.json'));
  await rm(middle.diffPath, { recursive: true });
  await t.throwsAsync(store.release(base.chainId), { code: 'ERR_CORRUPT_LAYER' });
  t.true((await readdir(join(layerdb, 'sha256'))).includes(base.chainId.slice(7)));
});

test('release: a layer whose data something in aufs/ stands on stays, entry and data', async (t) => {
  const { fixture, store, layerdb } = await place(t);
  const { layer } = await store.register([ONE]);
  // As a container that is just being made has it: data, and no entry yet.
  const driver = await openStore(join(fixture.root, 'aufs'));
  const above = await driver.createLayer({ parent: layer.cacheId });
  await t.throwsAsync(store.release(layer), { code: 'ERR_LAYER_HAS_CHILDREN' });
  t.true((await readdir(join(layerdb, 'sha256'))).includes(layer.chainId.slice(7)));
  t.is((await store.layer(layer.chainId)).cacheId, layer.cacheId);
  await above.remove();
  t.is((await store.release(layer)).length, 1);
});

test('who waits for another process that changes the store can be called off', async (t) => {
  t.timeout(30_000);
  const { fixture, layerdb, store } = await place(t);
  const { layer } = await store.register([ONE]);
  const before = await names(fixture.root);
  const lock = await binding().flock(layerdb, true);
  t.truthy(lock);
  const reason = new Error('enough');
  const calls: readonly ((options: { signal: AbortSignal }) => Promise<unknown>)[] = [
    (options) => store.register([TWO], options),
    (options) => store.release(layer, options),
    (options) => store.createContainer('a', 'busybox', options),
    (options) => store.removeContainer(fixture.container.id, options),
    (options) => store.gc(options),
  ];
  for (const call of calls) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    t.is(await t.throwsAsync(call({ signal: controller.signal })), reason);
  }
  if (lock !== null) binding().unlock(lock);
  t.deepEqual(await names(fixture.root), before);
  t.is((await store.release(layer)).length, 1, 'it was held until now');
});

test.serial('an entry that is gone when it is to be collected is not made anew', async (t) => {
  const { layerdb, store } = await place(t);
  const gone = join(layerdb, 'tmp/write-set-1');
  await mkdir(gone);
  const native = binding();
  const { flock } = native;
  native.flock = async (path, exclusive) => {
    if (path === gone) await rm(gone, { recursive: true });
    return flock(path, exclusive);
  };
  try {
    t.deepEqual(await store.gc(), { removed: [], kept: [] });
  } finally {
    native.flock = flock;
  }
  t.deepEqual(await readdir(join(layerdb, 'tmp')), []);
});

(canMount ? test : test.skip)(
  `a container that is mounted read-only elsewhere stays, and the error says where${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    const { fixture, store } = await place(t);
    const container = await store.container(fixture.container.id);
    const target = await mountpoint(t);
    const mount = await container.mount(target);
    const before = await names(fixture.root);
    try {
      const error = await t.throwsAsync<AufsError>(store.removeContainer(container), {
        code: 'ERR_BRANCH_BUSY',
      });
      t.true(
        error?.message.includes(`node-aufs-fuse (pid ${mount.serverPid}: mount ${target})`),
        error?.message,
      );
      t.deepEqual(await names(fixture.root), before);
      t.is(await readFile(join(target, 'etc/hosts'), 'utf8'), 'of the container\n');
    } finally {
      await mount.unmount();
    }
    await store.removeContainer(container);
    await t.throwsAsync(stat(container.diffPath), { code: 'ENOENT' });
  },
);
