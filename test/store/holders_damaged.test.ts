// SPDX-License-Identifier: MIT
// Who uses a layer cannot be told: that is not nobody.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { AufsError } from '../../lib/errors.ts';
import { openStore } from '../../lib/store/index.ts';
import { straceMissing } from '../faults/strace.ts';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';
import { run } from '../helpers/stage.ts';
import { id, temporaryDirectory, temporaryStore } from './store_helper.ts';

const [A, B] = [id('a'), id('b')];

for (const garbage of [
  'garbage',
  '{"process":"1 2 3","count":1}',
  '[{"process":"1 2 3"}]',
  '[{"process":"1 2',
]) {
  test(`a list of users that is garbage is an error, is told of, and stays: ${garbage}`, async (t) => {
    const store = await temporaryStore(t);
    const driver = store.graphDriver();
    await driver.create(A);
    await driver.create(B);
    await driver.get(A);
    await driver.get(B);
    const path = join(store.root, '.node-aufs/holders', A);
    await writeFile(path, garbage);
    const error = await t.throwsAsync<AufsError>(driver.put(A), { code: 'ERR_CORRUPT_LAYER' });
    t.is(error?.details['path'], path);
    t.regex(error?.hint ?? '', /remove that file once no process uses the layer/);
    await t.throwsAsync(driver.get(A), { code: 'ERR_CORRUPT_LAYER' });
    await t.throwsAsync(driver.cleanup(), { code: 'ERR_CORRUPT_LAYER' });
    t.like(
      (await store.check()).findings.find(({ kind }) => kind === 'holders-damaged'),
      { id: A, path, severity: 'error', repairable: false },
    );
    await driver.remove(A);
    await openStore(store.root);
    t.is(await readFile(path, 'utf8'), garbage);
    await driver.put(B);
    t.deepEqual(await readdir(join(store.root, '.node-aufs/holders')), [A]);
  });
}

for (const [what, text] of [
  ['nothing', ''],
  ['zeros', '\0'.repeat(40)],
] as const) {
  test(`a list of users that a power cut left with ${what} is one of nobody`, async (t) => {
    const store = await temporaryStore(t);
    const driver = store.graphDriver();
    await driver.create(A);
    await driver.get(A);
    await writeFile(join(store.root, '.node-aufs/holders', A), text);
    await driver.get(A);
    await driver.put(A);
    t.true((await store.check()).clean);
  });
}

test('a list of users that cannot be read is an error', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  await driver.create(A);
  await driver.get(A);
  const path = join(store.root, '.node-aufs/holders', A);
  await writeFile(path, '');
  // Where root may read anything: a file larger than any that is read.
  const { truncate } = await import('node:fs/promises');
  await truncate(path, 2 ** 40);
  await t.throwsAsync(driver.put(A), { code: 'ERR_CORRUPT_LAYER' });
});

const missing = straceMissing();
(missing === undefined ? test : test.skip)(
  `durability none: taking and giving back a layer flushes nothing${missing === undefined ? '' : ` (needs ${missing})`}`,
  async (t) => {
    t.timeout(60_000);
    const directory = await temporaryDirectory(t);
    const library = moduleName('index');
    const script = `
    const { openStore } = await import(${library});
    const store = await openStore(${JSON.stringify(join(directory, 'aufs'))}, { durability: 'none' });
    const driver = store.graphDriver();
    await driver.create('${A}');
    await driver.get('${A}');
    await driver.put('${A}');`;
    const log = join(directory, 'log');
    const trace = ['-f', '-o', log, '-e', 'trace=fsync,fdatasync,syncfs,sync'];
    await run('strace', [...trace, process.execPath, ...scriptArgs(script)]);
    const flushes = (await readFile(log, 'utf8')).split('\n').filter((line) => /sync(fs)?\(/.test(line));
    t.deepEqual(flushes, []);
  },
);
