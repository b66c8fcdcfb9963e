// SPDX-License-Identifier: MIT
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { hasCode, openDockerStore } from '../../lib/index.ts';
import { IMAGE_TREE } from '../helpers/docker_store.ts';
import { canMount } from '../helpers/stage.ts';
import { readMetadata, readTree } from '../helpers/tree.ts';
import { collect, sha256 } from '../store/archive_helper.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { dockerRoot, mountpoint } from './docker_helper.ts';

test('layers, containers and images of a root that Docker left', async (t) => {
  const { root, layers, container, imageId } = await dockerRoot(t);
  const store = await openDockerStore(root);
  t.true(store.readOnly);
  const contents = await store.contents();
  t.deepEqual(contents.skipped, []);
  t.deepEqual(
    contents.layers.map((layer) => layer.chainId as string),
    layers.map((layer) => layer.chainId).sort(),
  );
  for (const [i, { chainId, diffId, cacheId }] of layers.entries()) {
    const layer = await store.layer(chainId);
    t.like(layer, { chainId, diffId, cacheId, size: 12345 } as object);
    const parents = layers.slice(0, i).map((below) => below.chainId);
    t.deepEqual([...layer.parents] as string[], parents.reverse());
  }
  const { chainId: parent } = layers[2];
  t.is(contents.containers.length, 1);
  t.like(contents.containers[0], { id: container.id, mountId: container.mountId, parent } as object);
  t.is(contents.containers[0]?.initId, `${container.mountId}-init`);
  t.is(contents.images.length, 1);
  t.like(contents.images[0], {
    id: imageId,
    chainId: parent,
    complete: true,
    architecture: 'amd64',
  } as object);
  t.deepEqual(contents.images[0]?.names, ['busybox:latest', `busybox@sha256:${'d'.repeat(64)}`]);
  t.like(await store.check(), { clean: true, layers: 3, containers: 1, images: 1, findings: [] });
});

test('a layer is found by chain id, by image, by the beginning of either', async (t) => {
  const { root, layers, imageId, container } = await dockerRoot(t);
  const store = await openDockerStore(root);
  const top = layers[2].chainId;
  for (const text of [
    top,
    top.slice(7),
    top.slice(7, 19),
    'busybox',
    'busybox:latest',
    imageId,
    imageId.slice(7, 20),
  ]) {
    t.is<string, string>((await store.layer(text)).chainId, top, text);
  }
  t.is((await store.container('cccc')).id, container.id);
  await t.throwsAsync(store.layer('nobody'), { code: 'ERR_LAYER_NOT_FOUND' });
  await t.throwsAsync(store.layer(''), { code: 'ERR_LAYER_NOT_FOUND' });
  await t.throwsAsync(store.container('dd'), { code: 'ERR_LAYER_NOT_FOUND' });
  await t.throwsAsync(store.container(''), { code: 'ERR_LAYER_NOT_FOUND' });
});

test('every layer comes out byte for byte, and verifies', async (t) => {
  const { root, layers } = await dockerRoot(t);
  const store = await openDockerStore(root);
  for (const { chainId, archive, diffId } of layers) {
    const bytes = await collect((await store.layer(chainId)).archive());
    t.true(bytes.equals(archive));
    t.is<string, string>(sha256(bytes), diffId);
  }
  const report = await store.verify();
  t.true(report.sound);
  t.deepEqual(
    report.layers.map(({ state }) => state),
    ['whole', 'whole', 'whole'],
  );
  t.is((await store.verify(['busybox'])).layers[0]?.id, layers[2].chainId);
});

const mounting = canMount ? test : test.skip;

mounting(
  `a layer and a container are mounted read-only${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    const { root, container } = await dockerRoot(t);
    const store = await openDockerStore(root);
    {
      await using mount = await (await store.layer('busybox')).mount(await mountpoint(t));
      t.deepEqual(await readTree(mount.target), IMAGE_TREE);
      await t.throwsAsync(mkdir(join(mount.target, 'new')), { code: 'EROFS' });
    }
    const { etc, data, ...rest } = IMAGE_TREE;
    const found = await store.container(container.id);
    // Whether /etc counts as changed is a matter of the second that it was made in.
    const changes = (await found.changes()).map(({ kind, path }) => `${kind} ${path}`);
    t.deepEqual(
      changes.filter((line) => line !== 'C /etc'),
      ['C /data', 'D /data/old', 'C /etc/hosts'],
    );
    await using mount = await found.mount(await mountpoint(t));
    t.deepEqual(await readTree(mount.target), {
      ...rest,
      '.dockerenv': '',
      data: { same: (data as { same: string }).same },
      etc: { ...(etc as object), hostname: '', hosts: 'of the container\n' },
    });
    await t.throwsAsync(mkdir(join(mount.target, 'new')), { code: 'EROFS' });
  },
);

test('read-only: nothing in the store is changed by anything that reads it', async (t) => {
  const { root, layers, container } = await dockerRoot(t);
  const before = await readMetadata(root);
  const store = await openDockerStore(root);
  const { containers } = await store.contents();
  await store.check();
  await store.verify();
  for (const { chainId } of layers) await collect((await store.layer(chainId)).archive());
  await containers[0]?.changes();
  if (canMount) {
    const onLayer = await (await store.layer('busybox')).mount(await mountpoint(t));
    await readTree(onLayer.target);
    await onLayer.unmount();
    // On the very directory that Docker would have mounted it on.
    const onContainer = await (await store.container('c')).mount(join(root, 'aufs/mnt', container.mountId));
    await readFile(join(onContainer.target, 'etc/hosts'));
    await onContainer.unmount();
  }
  t.deepEqual(await readMetadata(root), before);
});

mounting('a container is written to only when that was asked for, and Docker is not alive', async (t) => {
  const { root, container, scratch } = await dockerRoot(t);
  const pidFile = join(scratch, 'docker.pid');
  const reader = await openDockerStore(root, { pidFile });
  const refused = (await reader.container('c')).mount(await mountpoint(t), { readOnly: false });
  await t.throwsAsync(refused, { code: 'ERR_STORE_READ_ONLY' });
  const store = await openDockerStore(root, { readOnly: false, pidFile });
  await using mount = await (await store.container('c')).mount(await mountpoint(t), { readOnly: false });
  await mkdir(join(mount.target, 'new'));
  await rename(join(mount.target, 'new'), join(mount.target, 'newer'));
  await mount.unmount();
  t.deepEqual((await readTree(container.diffPath))['newer'], {});
});

test('what is no root of Docker’s is refused, with the one that was meant', async (t) => {
  const { root, scratch } = await dockerRoot(t);
  await t.throwsAsync(openDockerStore(join(scratch, 'nowhere')), { code: 'ERR_STORE' });
  await t.throwsAsync(openDockerStore(await temporaryDirectory(t)), { code: 'ERR_STORE' });
  const aufs = await t.throwsAsync(openDockerStore(join(root, 'aufs')), { code: 'ERR_STORE' });
  t.true(aufs.message.endsWith(`give ${root}`));
  // userns-remap
  const above = await temporaryDirectory(t);
  await rename(root, join(above, '165536.165536'));
  const remapped = await t.throwsAsync(openDockerStore(above), { code: 'ERR_STORE' });
  t.true(remapped.message.endsWith(`give ${join(above, '165536.165536')}`));
  t.true(hasCode(remapped, 'ERR_STORE'));
});
