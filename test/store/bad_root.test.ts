// SPDX-License-Identifier: MIT
// Places where a store cannot be, places where it just can, and one that is opened twice.
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { AufsError } from '../../lib/errors.ts';
import { openStore } from '../../lib/store/index.ts';
import { kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { isRoot, run } from '../helpers/stage.ts';
import { namesIn, tar } from './archive_helper.ts';
import { id, temporaryDirectory, temporaryStore } from './store_helper.ts';

const GOOD = tar([
  { name: 'file', data: 'x' },
  { name: 'link', type: '2', link: 'file' },
]);

for (const kind of [kinds.vfat, kinds.exfat]) {
  const missing = missingFor(kind);
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(
    `a file system that cannot hold a store is told, and nothing is made: ${kind.title}${note}`,
    async (t) => {
      const root = await newFileSystem(t, kind);
      const error = await t.throwsAsync<AufsError>(openStore(root), { code: 'ERR_STORE_FILE_SYSTEM' });
      t.regex(error?.message ?? '', /lacks .*permissions.*symlinks.*hard links.*differ in case/);
      t.deepEqual(await readdir(root), []);
    },
  );
}

(isRoot ? test.serial : test.skip)('a store on overlayfs', async (t) => {
  const base = await newFileSystem(t, kinds.tmpfs);
  const [lower, upper, work, root] = ['l', 'u', 'w', 'm'].map((name) => join(base, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [lower, upper, work, root]) await mkdir(path);
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await run('mount', ['-t', 'overlay', '-o', options, 'aufs-test', root]);
  const store = await openStore(root);
  const { layer } = await store.apply([GOOD]);
  await (await layer.commit()).remove();
  t.true((await store.check()).clean);
  t.is((await store.layers()).length, 1);
});

test('opened twice, once through a symlink: one store', async (t) => {
  const first = await temporaryStore(t);
  const other = join(await temporaryDirectory(t), 'link');
  await symlink(first.root, other);
  const second = await openStore(other);
  t.is(second.root, first.root);
  const results = await Promise.allSettled(
    [first, second, first, second].map((store) => store.apply([GOOD], { id: id('a') })),
  );
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') t.is(result.reason.code, 'ERR_LAYER_EXISTS');
  }
  t.deepEqual((await second.check()).findings, []);
});

test('a store in a store is refused unless the place is empty', async (t) => {
  const store = await temporaryStore(t);
  const { layer } = await store.apply([GOOD]);
  const before = await namesIn(store);
  for (const path of [layer.diffPath, join(store.root, 'layers'), join(store.root, '.node-aufs')]) {
    await t.throwsAsync(openStore(path), { code: 'ERR_STORE' }, path);
  }
  t.deepEqual(await namesIn(store), before);
});
