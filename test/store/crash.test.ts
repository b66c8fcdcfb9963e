// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { openStore } from '../../lib/store/index.ts';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';
import { id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

test('open finishes what a crash left half-done', async (t) => {
  const store = await temporaryStore(t);
  const { root } = store;
  const kept = await store.createLayer({ id: id('a') });
  await write(root, {
    // a layer that was being made: its directories are in place, its record is not
    [`.node-aufs/staging/${id('b')}/`]: '',
    [`.node-aufs/layers/${id('b')}.json`]: '{}',
    [`diff/${id('b')}/half`]: '',
    [`mnt/${id('b')}/`]: '',
    // one that was still being filled
    [`.node-aufs/staging/${id('c')}/diff/half`]: '',
    // one that was being removed
    [`diff/${id('d')}-removing/x`]: '',
    [`mnt/${id('d')}-removing/`]: '',
    // one that was finished all but its staging directory
    [`.node-aufs/staging/${id('a')}/`]: '',
    // files that were being written
    [`layers/.${id('e')}.0123456789ab`]: id('a'),
    [`.node-aufs/layers/.${id('e')}.json.0123456789ab`]: '{',
    // somebody's own directory, which nothing explains
    [`diff/${id('f')}/precious`]: '',
  });
  await openStore(root);
  t.deepEqual((await readdir(join(root, 'diff'))).sort(), [id('a'), id('f')]);
  t.deepEqual(await readdir(join(root, 'mnt')), [id('a')]);
  t.deepEqual(await readdir(join(root, 'layers')), [id('a')]);
  t.deepEqual(await readdir(join(root, '.node-aufs/layers')), [`${id('a')}.json`]);
  t.deepEqual(await readdir(join(root, '.node-aufs/staging')), []);
  t.deepEqual(await kept.changes(), []);
});

test('a process that is killed while it makes layers leaves whole ones only', async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  await openStore(root);
  const library = moduleName('store/index');
  const script = `
    const { openStore } = await import(${library});
    const store = await openStore(${JSON.stringify(root)});
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300 * Math.random());
    let parent;
    for (;;) {
      const layer = await store.createLayer({ parent });
      if (Math.random() < 0.3) await layer.remove();
      else parent = layer;
    }`;
  for (let round = 0; round < 3; round++) {
    const args = scriptArgs(script);
    await t.throwsAsync(promisify(execFile)(process.execPath, args), { any: true });
    const store = await openStore(root);
    const layers = await store.layers();
    const ids = layers.map((layer) => layer.id);
    t.deepEqual(
      layers.filter((layer) => layer.problem !== undefined),
      [],
    );
    t.deepEqual((await readdir(join(root, 'diff'))).sort(), ids);
    t.deepEqual((await readdir(join(root, 'mnt'))).sort(), ids);
    t.deepEqual(await readdir(join(root, '.node-aufs/staging')), []);
  }
});

test('what looks half-made and has layers on it is not swept; check tells of it', async (t) => {
  const store = await temporaryStore(t);
  const { root } = store;
  const base = await store.createLayer({ id: id('a') });
  await write(base.diffPath, { precious: 'x' });
  await store.createLayer({ id: id('b'), parent: base });
  await rm(join(root, 'layers', id('a')));
  await write(root, { [`.node-aufs/staging/${id('a')}/`]: '' });
  const again = await openStore(root);
  t.deepEqual(await readdir(join(root, 'diff', id('a'))), ['precious']);
  const { findings } = await again.check();
  t.true(findings.some(({ kind, repairable }) => kind === 'half-made' && !repairable));
});

const DAMAGES: readonly [title: string, damage: (chain: string) => Promise<void>][] = [
  ['garbage', (chain) => writeFile(chain, 'hello\u0000world')],
  ['an id that is none', (chain) => writeFile(chain, '../../../etc\n')],
  ['a parent that is missing', (chain) => writeFile(chain, `${id('9')}\n`)],
  ['itself as parent', (chain) => writeFile(chain, `${id('c')}\n`)],
  ['cut off within an id', (chain) => truncate(chain, 40)],
  ['cut off after an id', (chain) => truncate(chain, 65)],
  ['cut off at the beginning', (chain) => truncate(chain, 0)],
];
for (const [title, damage] of DAMAGES) {
  test(`a damaged record is told and can be removed: ${title}`, async (t) => {
    const store = await temporaryStore(t);
    await store.createLayer({ id: id('a') });
    await store.createLayer({ id: id('b'), parent: id('a') });
    const layer = await store.createLayer({ id: id('c'), parent: id('b') });
    await damage(join(store.root, 'layers', id('c')));
    const error = await t.throwsAsync(store.layer(id('c')), { code: 'ERR_CORRUPT_LAYER' });
    t.true(error?.message.includes(join(store.root, 'layers', id('c'))));
    await t.throwsAsync(store.createLayer({ parent: id('c') }), { code: 'ERR_CORRUPT_LAYER' });
    const listed = await store.layers();
    t.deepEqual(
      listed.map(({ problem }) => problem?.code),
      [undefined, undefined, 'ERR_CORRUPT_LAYER'],
    );
    await t.throwsAsync(async () => listed[2]?.mount(), { code: 'ERR_CORRUPT_LAYER' });
    await (await store.layer(layer.id, { damaged: true })).remove();
    t.deepEqual(
      (await store.layers()).map((one) => one.id),
      [id('a'), id('b')],
    );
  });
}

test('a layer whose diff is gone is not mounted', async (t) => {
  const store = await temporaryStore(t);
  const base = await store.createLayer();
  const layer = await store.createLayer({ parent: base });
  await rm(base.diffPath, { recursive: true });
  const error = await t.throwsAsync(layer.mount(), { code: 'ERR_CORRUPT_LAYER' });
  t.true(error?.message.includes(base.id));
});
