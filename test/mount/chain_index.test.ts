// SPDX-License-Identifier: MIT
// The index of the read-only branches: made by the first mount, used by the next, and never believed against the branches.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { removeDeadMount } from '../../lib/mount/remove_dead_mounts.ts';
import { writeChainIndex } from '../../lib/mount.ts';
import { killAtOnce, processes, serverOf, until } from '../helpers/server.ts';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';
import { temporaryStore, write } from '../store/store_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

const LOWERS = [
  { 'd/mine': '1', '.wh.gone': '' },
  { 'd/theirs': '22', gone: 'x', 'deep/er/file': 'content' },
] as const;

async function begin(
  t: ExecutionContext,
  lowers: readonly Readonly<Record<string, string>>[],
): Promise<Stage> {
  const stage = await Stage.create(t, {}, ...lowers.map(() => ({})));
  for (const [i, files] of lowers.entries()) await write(stage.lowers[i] as string, files);
  return stage;
}

/** Names, types, sizes and times of everything below. */
async function listing(root: string): Promise<string[]> {
  const { stdout } = await run('find', [root, '-printf', '%P %y %m %s %T@ %i %n\n']);
  return stdout.split('\n').sort();
}

mounting(`the first mount makes it, the next one uses it, and both show the same${why}`, async (t) => {
  const stage = await begin(t, LOWERS);
  const chainIndex = join(stage.root, 'a,strange:name\\of=it');
  const first = await stage.mount({ chainIndex });
  t.false((await first.stats()).chainIndex);
  const before = await listing(stage.target);
  await until(() => existsSync(chainIndex));
  const second = await stage.remount({ chainIndex });
  t.true((await second.stats()).chainIndex);
  t.deepEqual(await listing(stage.target), before);
  t.is(await readFile(stage.at('deep/er/file'), 'utf8'), 'content');
  await writeFile(stage.at('d/theirs'), 'changed');
  t.is(await readFile(stage.at('d/theirs'), 'utf8'), 'changed');
  t.deepEqual((await readdir(stage.at('d'))).sort(), ['mine', 'theirs']);
  t.is(((await stat(chainIndex)).mode & 0o777).toString(8), '600');
  t.true((await second.stats()).chainIndex);
});

mounting(`a mount that ends at once makes none, and does not wait${why}`, async (t) => {
  const stage = await begin(t, LOWERS);
  const chainIndex = join(stage.root, 'index');
  const mounted = await stage.mount({ chainIndex });
  const since = performance.now();
  await mounted.unmount();
  t.true(performance.now() - since < 800);
  t.false(existsSync(chainIndex));
});

mounting(`a server that is killed leaves the older index or none${why}`, async (t) => {
  const names = Array.from({ length: 3000 }, (_, i) => [`d${i % 100}/f${i}`, 'x']);
  const stage = await begin(t, [Object.fromEntries(names)]);
  await mkdir(join(stage.root, 'indexes'));
  for (const ms of [1000, 1010, 1020]) {
    await stage.mount({ chainIndex: join(stage.root, 'indexes/index') });
    const { supervisor, worker } = serverOf(stage);
    await sleep(ms);
    killAtOnce([supervisor, worker]);
    t.true(await until(() => processes(stage.target).length === 0));
    t.true((await readdir(join(stage.root, 'indexes'))).every((name) => name === 'index'));
    await stage.unmount();
    await removeDeadMount(stage.target);
  }
  await stage.mount({ chainIndex: join(stage.root, 'indexes/index') });
  t.is((await readdir(stage.target)).length, 100);
});

mounting(`a lower file that was changed behind it is read as it is now${why}`, async (t) => {
  const stage = await begin(t, LOWERS);
  const chainIndex = join(stage.root, 'index');
  await writeChainIndex(chainIndex, { branches: stage.branches });
  await writeFile(join(stage.lowers[1] as string, 'deep/er/file'), 'longer than it was');
  const mounted = await stage.mount({ chainIndex });
  t.true((await mounted.stats()).chainIndex);
  t.is((await stat(stage.at('deep/er/file'))).size, 'content'.length, 'as the index says');
  t.is(await readFile(stage.at('deep/er/file'), 'utf8'), 'longer than it was');
  t.is((await stat(stage.at('deep/er/file'))).size, 'longer than it was'.length);
  t.false((await mounted.stats()).chainIndex);
  await stage.unmount();
  t.false(existsSync(chainIndex), 'the next mount makes another');
});

mounting(`one of other branches, and none at all, are as if it were not asked for${why}`, async (t) => {
  const stage = await begin(t, LOWERS);
  const chainIndex = join(stage.root, 'index');
  await writeFile(chainIndex, 'nothing of that kind');
  for (const file of [chainIndex, join(stage.root, 'no/such/directory/index')]) {
    const mounted = await stage.remount({ chainIndex: file });
    t.false((await mounted.stats()).chainIndex);
    t.is(await readFile(stage.at('d/theirs'), 'utf8'), '22');
  }
});

test('it is made on demand, and says why it cannot be', async (t) => {
  const stage = await begin(t, LOWERS);
  const { branches, root } = stage;
  await t.throwsAsync(writeChainIndex(join(root, 'none/index'), { branches }), { code: 'ERR_CHAIN_INDEX' });
  await t.throwsAsync(writeChainIndex(join(root, 'index'), { branches: [stage.upper] }), {
    code: 'ERR_USAGE',
  });
  const signal = AbortSignal.abort(new Error('enough'));
  await t.throwsAsync(writeChainIndex(join(root, 'index'), { branches, signal }), { message: 'enough' });
  t.false(existsSync(join(root, 'index')));
  await writeChainIndex(join(root, 'index'), { branches });
  t.true(existsSync(join(root, 'index')));
});

mounting(`a store keeps one for each chain that is mounted${why}`, async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  await write(base.diffPath, { 'etc/hosts': 'base' });
  const image = await base.commit();
  await image.index();
  const file = join(store.root, '.node-aufs/indexes', image.id);
  t.true(existsSync(file));
  const container = await store.createLayer({ parent: image });
  const mounted = await container.mount();
  t.true((await mounted.stats()).chainIndex);
  t.is(await readFile(join(mounted.target, 'etc/hosts'), 'utf8'), 'base');
  await container.unmount();
  await using without = await container.mount({ chainIndex: false });
  t.false((await without.stats()).chainIndex);
  await without.unmount();
  t.deepEqual((await store.check()).findings, []);
  await container.remove();
  await image.remove();
  t.false(existsSync(file));
});

mounting(`a layer that is written to again has its index no more${why}`, async (t) => {
  const store = await temporaryStore(t);
  const parent = await store.createLayer();
  await write(parent.diffPath, { 'a/file': 'old' });
  const child = await store.createLayer({ parent });
  await parent.index();
  await child.remove();
  const writing = await parent.mount();
  await writeFile(join(writing.target, 'a/file'), 'new content');
  await utimes(join(writing.target, 'a'), 1, 1);
  await parent.unmount();
  const again = await store.createLayer({ parent });
  await using mounted = await again.mount();
  t.false((await mounted.stats()).chainIndex);
  t.is(await readFile(join(mounted.target, 'a/file'), 'utf8'), 'new content');
});

(canMount && isRoot ? test.serial : test.skip)(
  "an index is its owner's: it tells nobody of closed directories",
  async (t) => {
    const stage = await begin(t, LOWERS);
    const chainIndex = join(stage.root, 'index');
    await writeChainIndex(chainIndex, { branches: stage.branches });
    await chmod(stage.root, 0o755);
    await t.throwsAsync(
      run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', chainIndex]),
    );
  },
);
