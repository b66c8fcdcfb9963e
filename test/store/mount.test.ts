// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { AufsError } from '../../lib/errors.ts';
import { mount } from '../../lib/mount.ts';
import { type Layer, openStore, type Store } from '../../lib/store/index.ts';
import { killAtOnce, processes, until } from '../helpers/server.ts';
import { canMount, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

mounting(`a layer is mounted over its parents, written to, unmounted, committed${why}`, async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  await write(base.diffPath, { 'etc/hosts': 'base', 'etc/motd': 'hi' });
  const layer = await store.createLayer({ parent: base });
  const mount = await layer.mount();
  t.is(mount.target, layer.mountPath);
  t.true(await layer.mounted());
  t.is((await store.info()).mounted, 1);
  t.is(await readFile(join(mount.target, 'etc/hosts'), 'utf8'), 'base');
  await writeFile(join(mount.target, 'etc/hosts'), 'changed');
  await promisify(execFile)('rm', [join(mount.target, 'etc/motd')]);

  await t.throwsAsync(layer.mount(), { code: 'ERR_LAYER_MOUNTED' });
  await t.throwsAsync(layer.remove(), { code: 'ERR_LAYER_MOUNTED' });
  await t.throwsAsync(layer.commit(), { code: 'ERR_LAYER_MOUNTED' });
  await t.throwsAsync(store.createLayer({ parent: layer }), { code: 'ERR_LAYER_MOUNTED' });

  await layer.unmount();
  t.false(await layer.mounted());
  await t.throwsAsync(layer.unmount(), { code: 'ERR_NOT_MOUNTED' });
  t.deepEqual(
    (await layer.changes()).map(({ kind, path }) => `${kind} ${path}`),
    ['C /etc', 'C /etc/hosts', 'D /etc/motd'],
  );
  t.deepEqual((await readdir(join(layer.diffPath, 'etc'))).sort(), ['.wh.motd', 'hosts']);
  const committed = await layer.commit();
  const second = await store.createLayer({ parent: committed });
  await using again = await second.mount();
  t.is(await readFile(join(again.target, 'etc/hosts'), 'utf8'), 'changed');
  t.deepEqual(await readdir(join(again.target, 'etc')), ['hosts']);
});

mounting(`layers that are committed or stood on are mounted read-only${why}`, async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  await store.createLayer({ parent: base });
  const committed = await base.commit();
  for (const layer of [base, committed]) {
    await t.throwsAsync(layer.mount({ readOnly: false }), { code: 'ERR_LAYER_READ_ONLY' });
    await using mount = await layer.mount();
    await t.throwsAsync(writeFile(join(mount.target, 'x'), ''), { code: 'EROFS' });
  }
});

mounting(`a mount in use is not unmounted, and the error says who uses it${why}`, async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await using mount = await layer.mount();
  await writeFile(join(mount.target, 'f'), '');
  const user = execFile('sleep', ['60'], { cwd: mount.target });
  t.teardown(() => void user.kill());
  await new Promise((resolve) => setTimeout(resolve, 100));
  const error = await t.throwsAsync(mount.unmount(), { code: 'ERR_MOUNT_BUSY' });
  t.regex(error?.message ?? '', new RegExp(`sleep \\(pid ${user.pid}: cwd\\)`));
  user.kill();
  await new Promise((resolve) => user.once('exit', resolve));
});

mounting(`disposing of a store unmounts, except what is to persist${why}`, async (t) => {
  const store = await temporaryStore(t);
  const [one, two] = [await store.createLayer(), await store.createLayer()];
  {
    await using inner = await openStore(store.root);
    await (await inner.layer(one.id)).mount();
    const mount = await (await inner.layer(two.id)).mount({ persist: true });
    await writeFile(join(mount.target, 'f'), 'kept');
    await t.throwsAsync(mount.stats(), { code: 'ERR_UNSUPPORTED' });
  }
  t.deepEqual([await one.mounted(), await two.mounted()], [false, true]);
  await two.unmount();
  t.is(await readFile(join(two.diffPath, 'f'), 'utf8'), 'kept');
});

mounting(`a killed server is told and leaves no dead mount${why}`, async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  const mount = await layer.mount();
  const lost = new Promise<Error>((resolve) => mount.once('lost', resolve));
  const alive = setInterval(() => {}, 1000);
  process.kill(mount.serverPid as number, 'SIGKILL');
  t.like(await lost, { code: 'ERR_MOUNT_LOST' });
  clearInterval(alive);
  t.false(await layer.mounted());
  await using again = await layer.mount();
  await writeFile(join(again.target, 'f'), '');
});

/** A layer that both processes of its server have left mounted. */
async function deadLayer(t: ExecutionContext): Promise<{ store: Store; layer: Layer }> {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  const { target } = await layer.mount({ persist: true });
  await writeFile(join(target, 'f'), 'kept');
  killAtOnce(processes(target));
  t.true(await until(() => processes(target).length === 0));
  t.true(await layer.mounted());
  return { store, layer };
}

mounting(`a layer whose server was killed with its supervisor can be mounted${why}`, async (t) => {
  const { layer } = await deadLayer(t);
  await using again = await layer.mount();
  t.is(await readFile(join(again.target, 'f'), 'utf8'), 'kept');
});

mounting(`opening a store removes dead mounts, and only these${why}`, async (t) => {
  const { store, layer } = await deadLayer(t);
  const other = await store.createLayer();
  await using alive = await other.mount();
  await using _again = await openStore(store.root);
  t.false(await layer.mounted());
  t.true(await other.mounted());
  await writeFile(join(alive.target, 'f'), '');
  await layer.remove();
});

mounting(
  `a layer that is a branch of a read-only mount elsewhere stays, and the error says where${why}`,
  async (t) => {
    const store = await temporaryStore(t);
    const layer = await store.createLayer();
    await store.createLayer({ id: `${layer.id}-init` });
    await write(layer.diffPath, { file: 'x' });
    const target = join(await temporaryDirectory(t), 'target');
    await mkdir(target);
    const elsewhere = await mount(target, {
      branches: [{ path: layer.diffPath, mode: 'ro' }],
      readOnly: true,
    });
    const error = await t.throwsAsync<AufsError>(layer.remove(), { code: 'ERR_BRANCH_BUSY' });
    t.true(
      error?.message.includes(`node-aufs-fuse (pid ${elsewhere.serverPid}: mount ${target})`),
      error?.message,
    );
    t.is(await readFile(join(target, 'file'), 'utf8'), 'x');
    t.true((await store.check()).clean);

    const removed = await layer.remove({ force: true });
    t.like(removed, { deferred: true, holders: [{ command: 'node-aufs-fuse', uses: [`mount ${target}`] }] });
    t.is(await readFile(join(target, 'file'), 'utf8'), 'x', 'its data goes with the mount');
    await openStore(store.root);
    t.is(await readFile(join(target, 'file'), 'utf8'), 'x');
    await elsewhere.unmount();
    await openStore(store.root);
    t.deepEqual(await readdir(join(store.root, 'diff')), [`${layer.id}-init`]);
  },
);

mounting(`a layer is not in use because one is whose id begins so${why}`, async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  const init = await store.createLayer({ id: `${layer.id}-init` });
  await using mounted = await init.mount();
  t.true((await stat(mounted.target)).isDirectory());
  t.like(await layer.remove(), { deferred: false });
});

mounting(`a removal that was interrupted is not finished under a mount elsewhere${why}`, async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await write(layer.diffPath, { file: 'x' });
  const target = join(await temporaryDirectory(t), 'target');
  await mkdir(target);
  const elsewhere = await mount(target, { branches: [{ path: layer.diffPath, mode: 'ro' }], readOnly: true });
  await write(store.root, { [`.node-aufs/staging/${layer.id}/`]: '' });
  await rm(join(store.root, 'layers', layer.id));
  await openStore(store.root);
  t.is(await readFile(join(target, 'file'), 'utf8'), 'x');
  await elsewhere.unmount();
  await openStore(store.root);
  t.deepEqual(await readdir(join(store.root, 'diff')), []);
});
