// SPDX-License-Identifier: MIT
// Roots from anywhere: what is not what it should be is told of; it is not waited for, not read, not followed.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { openDockerStore } from '../../lib/index.ts';
import { canMount } from '../helpers/stage.ts';
import { tar } from '../store/archive_helper.ts';
import { dockerRoot, mountpoint } from './docker_helper.ts';

const ONE = tar([{ name: 'one', data: 'one' }]);

test('a FIFO where a value should be is damage, and is not waited for', async (t) => {
  t.timeout(20_000);
  const { root, layers, container } = await dockerRoot(t);
  for (const path of [join(layers[2].path, 'cache-id'), join(container.path, 'init-id')]) {
    await rm(path);
    execFileSync('mkfifo', [path]);
  }
  const { skipped } = await (await openDockerStore(root)).contents();
  t.like(
    skipped.find(({ kind }) => kind === 'layer-damaged'),
    { path: join(layers[2].path, 'cache-id'), means: 'it is not a file' },
  );
  t.true((await (await openDockerStore(root)).check()).findings.length > 0);
});

test('a huge file where a value should be is not read', async (t) => {
  const { root, layers, imageId } = await dockerRoot(t);
  await truncate(join(layers[2].path, 'diff'), 2 ** 40);
  await truncate(join(root, 'image/aufs/repositories.json'), 2 ** 40);
  await truncate(join(root, 'image/aufs/imagedb/content/sha256', imageId.slice(7)), 2 ** 40);
  await truncate(join(root, 'aufs/layers', layers[0].cacheId), 2 ** 40);
  const { findings } = await (await openDockerStore(root)).check();
  for (const kind of ['layer-damaged', 'repositories-damaged', 'image-damaged', 'driver-chain-damaged']) {
    t.true(
      findings.some((finding) => finding.kind === kind),
      kind,
    );
  }
  for (const { kind, means } of findings) {
    if (kind === 'layer-damaged' || kind === 'image-damaged') t.regex(means, /more than/);
  }
});

test('a symlink in the place of a layer’s content leads nowhere', async (t) => {
  const { root, layers, container, scratch } = await dockerRoot(t);
  for (const path of [layers[2].diffPath, container.diffPath]) {
    await rm(path, { recursive: true });
    await symlink(scratch, path);
  }
  const store = await openDockerStore(root);
  const { skipped } = await store.contents();
  t.true(skipped.some(({ kind, path }) => kind === 'diff-missing' && path === layers[2].diffPath));
  await t.throwsAsync(store.layer(layers[2].chainId), { code: 'ERR_CORRUPT_LAYER' });
  await t.throwsAsync(store.container(container.id), { code: 'ERR_CORRUPT_LAYER' });
});

test('what lies in tmp/ and is no entry does not keep the store from opening', async (t) => {
  const { root, scratch } = await dockerRoot(t);
  const tmp = join(root, 'image/aufs/layerdb/tmp');
  const other = join(scratch, 'other');
  await mkdir(other);
  await writeFile(join(other, 'file'), '');
  await symlink(other, join(tmp, 'write-set-1'));
  execFileSync('mkfifo', [join(tmp, 'write-set-2')]);
  await openDockerStore(root, { readOnly: false, pidFile: join(scratch, 'docker.pid') });
  t.deepEqual(await readdir(tmp), []);
  t.deepEqual(await readdir(other), ['file']);
});

test('a container that names the data of a layer as its own does not take them along', async (t) => {
  const { root, layers, scratch } = await dockerRoot(t);
  const store = await openDockerStore(root, { readOnly: false, pidFile: join(scratch, 'docker.pid') });
  const { layer } = await store.register([ONE]);
  const evil = join(root, 'image/aufs/layerdb/mounts/evil');
  await mkdir(evil);
  await writeFile(join(evil, 'mount-id'), layer.cacheId);
  await writeFile(join(evil, 'init-id'), layers[2].cacheId);
  t.deepEqual(await store.release(layer), [], 'its data are the container’s, too');
  t.deepEqual(await store.removeContainer('evil'), []);
  const diffs = await readdir(join(root, 'aufs/diff'));
  t.true(diffs.includes(layer.cacheId));
  t.true(diffs.includes(layers[2].cacheId));
  t.deepEqual((await store.check()).findings, []);
});

(canMount ? test : test.skip)(
  `a mount holds a layer also where aufs/ is a symlink${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    const { root, scratch } = await dockerRoot(t);
    await rename(join(root, 'aufs'), join(scratch, 'elsewhere'));
    await symlink(join(scratch, 'elsewhere'), join(root, 'aufs'));
    const store = await openDockerStore(root, { readOnly: false, pidFile: join(scratch, 'docker.pid') });
    const { layer } = await store.register([ONE]);
    const mount = await layer.mount(await mountpoint(t));
    try {
      t.deepEqual(await store.release(layer), []);
    } finally {
      await mount.unmount();
    }
    t.deepEqual(
      (await store.release(layer)).map(({ chainId }) => chainId),
      [layer.chainId],
    );
  },
);

test('a record that is no file, or one line without end, is damage', async (t) => {
  t.timeout(60_000);
  const { root, layers } = await dockerRoot(t);
  const [first, second, third] = layers.map(({ path }) => join(path, 'tar-split.json.gz'));
  for (const path of [first, second] as string[]) await rm(path);
  execFileSync('mkfifo', [first as string]);
  await symlink(third as string, second as string);
  await writeFile(third as string, gzipSync(Buffer.alloc(65 * 2 ** 20, 'A'), { level: 1 }));
  const store = await openDockerStore(root);
  const records = (await store.check()).findings.filter(({ kind }) => kind === 'record-missing');
  t.deepEqual(records.map(({ path }) => path).sort(), [first as string, second as string].sort());
  t.true(records.every(({ means }) => means.includes('is not a file')));
  const report = await store.verify();
  const reasons = new Map(report.layers.map(({ id, state, reason }) => [id, `${state}: ${reason}`]));
  const wanted = [
    /^damaged: .*it is not a file/,
    /^damaged: .*it is a symlink/,
    /^damaged: .*a line of more than/,
  ];
  for (const [i, { chainId }] of layers.entries()) t.regex(reasons.get(chainId) ?? '', wanted[i] as RegExp);
});
