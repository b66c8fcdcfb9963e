// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { type Layer, openStore, type Store } from '../../lib/store/index.ts';
import { killAtOnce, processes, until } from '../helpers/server.ts';
import { canMount, temporaryStore, write } from './store_helper.ts';

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
