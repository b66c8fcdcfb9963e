// SPDX-License-Identifier: MIT
// One store, many processes, no daemon: nobody fails, and nothing is left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { listServers } from '../../lib/mount/running_servers.ts';
import { openStore } from '../../lib/store/index.ts';
import { collect, sha256, tar } from './archive_helper.ts';
import { compiledStore, plainProgram, program, runNode } from './driver_process.ts';
import { canMount, id, temporaryStore, write } from './store_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';
const PROCESSES = 64;
const ARCHIVE = tar(Array.from({ length: 50 }, (_, i) => ({ name: `d/f${i}`, data: 'x'.repeat(900) })));

mounting(`64 processes create, mount, write, unmount and remove at once${why}`, async (t) => {
  t.timeout(120_000);
  const store = await temporaryStore(t);
  const base = await store.createLayer({ id: id('a'), labels: { name: 'base' } });
  await write(base.diffPath, { 'etc/hosts': 'base' });
  const module = await compiledStore(t);
  const work = `
    const { appendFile, readFile } = await import('node:fs/promises');
    const layer = await store.createLayer({ parent: 'base' });
    const path = await driver.get(layer.id);
    await appendFile(path + '/etc/hosts', process.pid + '');
    if (await readFile(path + '/etc/hosts', 'utf8') !== 'base' + process.pid) throw new Error('not what was written');
    await driver.put(layer.id);
    if ((await layer.changes()).length !== 1) throw new Error('not what was changed');
    await driver.remove(layer.id)`;
  const args = plainProgram(store, work, module);
  await Promise.all(Array.from({ length: PROCESSES }, () => runNode(args)));
  t.deepEqual(
    (await store.layers()).map((layer) => layer.id),
    [base.id],
  );
  t.deepEqual(
    (await readMounts()).filter(({ target }) => target.startsWith(store.root)),
    [],
  );
  const servers = (await listServers()).filter(({ args: words }) => words.join(' ').includes(store.root));
  t.deepEqual(servers, []);
  await openStore(store.root);
  t.deepEqual((await store.check()).findings, []);
  t.deepEqual(await readdir(join(store.root, '.node-aufs/holders')), []);
  t.deepEqual(await readdir(join(store.root, '.node-aufs/staging')), []);
  for (const folder of ['diff', 'layers', 'mnt', '.node-aufs/locks']) {
    t.deepEqual(
      (await readdir(join(store.root, folder))).filter((name) => name !== base.id),
      [],
      folder,
    );
  }
});

/** A process that applies ARCHIVE with `once`, tells whether it had to, and says `half` when it has begun. */
function applier(store: Parameters<typeof program>[0], slow: boolean): string[] {
  const work = `
    const archive = Buffer.from('${ARCHIVE.toString('base64')}', 'base64');
    async function* source() {
      yield archive.subarray(0, 20000);
      console.log('half');
      ${slow ? 'await new Promise((resolve) => setTimeout(resolve, 60_000))' : ''};
      yield archive.subarray(20000);
    }
    const { layer, reused } = await store.apply(source(), {
      parent: '${id('a')}', once: true, expectedDiffId: '${sha256(ARCHIVE)}',
    });
    console.log(JSON.stringify({ id: layer.id, reused }))`;
  return program(store, work, false);
}

test('an archive that several processes apply at once is unpacked once, also if the first is killed midway', async (t) => {
  t.timeout(120_000);
  const store = await temporaryStore(t);
  await store.createLayer({ id: id('a') });
  const first = spawn(process.execPath, applier(store, true), { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(first.stdout, 'data');
  const others = Array.from({ length: 4 }, () => runNode(applier(store, false)));
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.is((await store.layers()).length, 1, 'the others wait');
  first.kill('SIGKILL');
  const outcomes = (await Promise.all(others)).map((text) => {
    const line = text.split('\n').find((one) => one.startsWith('{')) ?? '';
    return { ...(JSON.parse(line) as { id: string; reused: boolean }), began: text.includes('half') };
  });
  t.is(new Set(outcomes.map((outcome) => outcome.id)).size, 1);
  t.is(outcomes.filter(({ reused }) => !reused).length, 1);
  t.is(outcomes.filter(({ began }) => began).length, 1, 'nobody else has read its source');
  t.is((await store.layers()).length, 2);
  const layer = await store.layer(outcomes[0]?.id ?? '');
  t.deepEqual(await collect(layer.archive({ exact: true })), ARCHIVE);
  await openStore(store.root);
  t.deepEqual((await store.check()).findings, []);
});

test('once: another parent, another diff id or a layer that can be written to are not the same', async (t) => {
  const store = await temporaryStore(t);
  const options = { once: true, expectedDiffId: sha256(ARCHIVE) };
  await t.throwsAsync(store.apply([ARCHIVE], { once: true }), { instanceOf: TypeError });
  const first = await store.apply([ARCHIVE], options);
  t.false(first.reused);
  const again = await store.apply([Buffer.from('never read')], { ...options, id: id('b') });
  t.like(again, { reused: true, exact: true, size: first.size, diffId: first.diffId });
  t.is(again.layer.id, first.layer.id);
  t.false((await store.apply([ARCHIVE], { ...options, parent: first.layer })).reused);
  await first.layer.remove().catch(() => {});
  t.is((await store.layers()).length, 2);
  await t.throwsAsync(store.apply([ARCHIVE], { ...options, expectedDiffId: `sha256:${'0'.repeat(64)}` }), {
    code: 'ERR_DIGEST',
  });
  t.is(await readFile(join(again.layer.diffPath, 'd/f0'), 'utf8'), 'x'.repeat(900));
});
