// SPDX-License-Identifier: MIT
// Named after the tests of Docker's aufs driver (daemon/graphdriver/aufs/aufs_test.go).
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Change } from '../../lib/binding.ts';
import type { Store } from '../../lib/store/index.ts';
import { moduleName } from '../helpers/other_process.ts';
import { program } from './driver_process.ts';
import { canMount, id, temporaryStore, write } from './store_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';
const [A, B, C] = [id('a'), id('b'), id('c')];

async function two(t: ExecutionContext): Promise<Store> {
  const store = await temporaryStore(t);
  const base = await store.createLayer({ id: A });
  await write(base.diffPath, { 'etc/hosts': 'base', 'etc/motd': 'hi', 'usr/a': 'a', 'usr/b': 'b' });
  await store.createLayer({ id: B, parent: A });
  return store;
}

function lines(changes: readonly Change[]): string[] {
  return changes.map(({ kind, path }) => `${kind} ${path}`);
}

test('Exists, Status, GetMetadata', async (t) => {
  const store = await two(t);
  const driver = store.graphDriver();
  t.true(await driver.exists(A));
  t.false(await driver.exists(C));
  const status = await driver.status();
  t.deepEqual(
    status.map(([name]) => name),
    ['Root Dir', 'Backing Filesystem', 'Dirs', 'Dirperm1 Supported'],
  );
  t.deepEqual(status[2], ['Dirs', '2']);
  t.is(await driver.getMetadata(A), null);
});

test('GetWithoutParent: a base layer is its own directory', async (t) => {
  const store = await two(t);
  const driver = store.graphDriver();
  t.is(await driver.get(A), join(store.root, 'diff', A));
  await driver.put(A);
  await t.throwsAsync(driver.get(C), { code: 'ERR_LAYER_NOT_FOUND' });
});

mounting(`MountWithParent, MountedFalseResponse, MountedTrueResponse, Cleanup${why}`, async (t) => {
  const store = await two(t);
  const driver = store.graphDriver();
  const layer = await store.layer(B);
  t.false(await layer.mounted());
  const path = await driver.get(B);
  t.is(path, join(store.root, 'mnt', B));
  t.is(await driver.get(B), path);
  t.true(await layer.mounted());
  await driver.put(B);
  t.true(await layer.mounted(), 'it was taken twice');
  await driver.cleanup();
  t.true(await layer.mounted(), 'this process holds it');
  await driver.put(B);
  t.false(await layer.mounted());
  await driver.put(B);
});

mounting(`the count outlives the object, and what a killed process held does not count${why}`, async (t) => {
  const store = await two(t);
  const layer = await store.layer(B);
  const child = spawn(
    process.execPath,
    program(store, `await driver.get('${B}'); await driver.get('${B}')`, true),
  );
  await once(child.stdout, 'data');
  await store.graphDriver().get(B);
  await store.graphDriver().put(B);
  t.true(await layer.mounted(), 'the other process holds it');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true(await layer.mounted());
  await store.graphDriver().cleanup();
  t.false(await layer.mounted());
  t.deepEqual(
    (await readdir(join(store.root, '.node-aufs/holders'))).filter((name) => !name.endsWith('.lock')),
    [],
  );
});

mounting(`ConcurrentAccess: many processes get and put one layer${why}`, async (t) => {
  const store = await two(t);
  const args = program(
    store,
    `for (let i = 0; i < 5; i++) { await driver.get('${B}'); await driver.put('${B}') }`,
    false,
  );
  await Promise.all(Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, args)));
  t.false(await (await store.layer(B)).mounted());
});

test('Changes, ChildDiffSize: of the parent, and of any ancestor', async (t) => {
  const store = await two(t);
  const driver = store.graphDriver();
  const b = await store.layer(B);
  await write(b.diffPath, {
    'etc/hosts': 'changed',
    'etc/.wh.motd': '',
    '.wh.usr': '',
    'tmp/x': 'gone again',
  });
  const c = await store.createLayer({ id: C, parent: B });
  // usr is made anew with some of its names, tmp/x goes, opt comes.
  await write(c.diffPath, {
    'usr/.wh..wh..opq': '',
    'usr/b': 'other',
    'usr/new': '123',
    'tmp/.wh.x': '',
    'opt/y': 'yy',
  });
  t.deepEqual(lines(await driver.changes(C)), lines(await c.changes()));
  t.deepEqual(lines(await driver.changes(C, B)), lines(await c.changes()));
  t.deepEqual(lines(await driver.changes(C, A)), [
    'C /etc',
    'C /etc/hosts',
    'D /etc/motd',
    'A /opt',
    'A /opt/y',
    'A /tmp',
    'C /usr',
    'D /usr/a',
    'C /usr/b',
    'A /usr/new',
  ]);
  t.is(await driver.diffSize(C, A), 'changed'.length + 'yy'.length + 'other'.length + '123'.length);
  t.is(await driver.diffSize(B), await b.diffSize());
  t.deepEqual(
    lines(await driver.changes(B, C)).slice(0, 3),
    ['D /opt', 'C /tmp', 'A /tmp/x'],
    'the way back',
  );
});

mounting(`what is mounted by a process that is killed before it is done is not lost${why}`, async (t) => {
  const store = await two(t);
  const work = `
    const { Holders } = await import(${moduleName('store/holders')});
    const { Layout } = await import(${moduleName('store/layout')});
    const holders = new Holders(new Layout(${JSON.stringify(store.root)}));
    await holders.change('${B}', 1, () => process.kill(process.pid, 'SIGKILL'))`;
  await t.throwsAsync(promisify(execFile)(process.execPath, program(store, work, true)), { any: true });
  await (await store.layer(B)).mount({ persist: true });
  await store.graphDriver().cleanup();
  t.false(await (await store.layer(B)).mounted());
});

test('DiffSize and Changes of what came and went in between', async (t) => {
  const store = await two(t);
  const b = await store.layer(B);
  await write(b.diffPath, { 'a/b/c': 'x' });
  const c = await store.createLayer({ id: C, parent: B });
  await writeFile(join(c.diffPath, '.wh.a'), '');
  const d = await store.createLayer({ id: id('d'), parent: C });
  await mkdir(join(d.diffPath, 'z'));
  t.deepEqual(lines(await store.graphDriver().changes(d.id, A)), ['A /z']);
  await rm(join(d.diffPath, 'z'), { recursive: true });
  t.deepEqual(await store.graphDriver().changes(d.id, A), []);
});
