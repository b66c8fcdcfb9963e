// SPDX-License-Identifier: MIT
// Hard links of a parent layer: one file before and after copy_up, over mounts, commit and the changes told.
import { appendFile, link, lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { canMount, temporaryStore, write } from './store_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';
const NAMES = ['a', 'b', 'd/c', 'd/s/e'];

/** Number of different files that the names are, the link count of the first, and the different contents. */
async function files(root: string): Promise<[files: number, links: number, contents: string[]]> {
  const paths = NAMES.map((name) => join(root, name));
  const stats = await Promise.all(paths.map((path) => lstat(path)));
  const contents = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return [new Set(stats.map(({ ino }) => ino)).size, stats[0]?.nlink ?? 0, [...new Set(contents)]];
}

mounting(`four names of a file stay one file from the base layer to the committed one${why}`, async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  await write(base.diffPath, { a: 'base', 'd/s/': '' });
  for (const name of NAMES.slice(1)) await link(join(base.diffPath, 'a'), join(base.diffPath, name));
  const layer = await store.createLayer({ parent: base });
  for (const [i, name] of ['d/c', 'a', 'd/s/e'].entries()) {
    await using mount = await layer.mount();
    await appendFile(join(mount.target, name), '+');
    t.deepEqual(await files(mount.target), [1, 4, [`base${'+'.repeat(i + 1)}`]]);
  }
  {
    await using mount = await layer.mount();
    t.deepEqual(await files(mount.target), [1, 4, ['base+++']], 'mounted again');
  }
  const told = (await layer.changes()).map(({ kind, path }) => `${kind} ${path}`);
  for (const name of NAMES) t.true(told.includes(`C /${name}`), `${name} is not among ${told}`);
  const committed = await layer.commit();
  t.deepEqual(await files(committed.diffPath), [1, 4, ['base+++']], 'committed');
  t.deepEqual(await files(base.diffPath), [1, 4, ['base']], 'the base is as it was');
  const next = await store.createLayer({ parent: committed });
  await using mount = await next.mount();
  t.deepEqual(await files(mount.target), [1, 4, ['base+++']], 'in a layer on top');
  await appendFile(join(mount.target, 'b'), '!');
  t.deepEqual(await files(mount.target), [1, 4, ['base+++!']], 'written to in a layer on top');
});
