// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { openDockerStore } from '../../lib/index.ts';
import { dockerRoot } from './docker_helper.ts';

const ROUNDS = process.env['AUFS_TEST_LONG'] === '1' ? 40 : 5;

test('a process that is killed at any point leaves whole entries only, and no data without one', async (t) => {
  t.timeout(300_000);
  const { root, scratch, layers } = await dockerRoot(t);
  const pidFile = join(scratch, 'docker.pid');
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    const { openDockerStore } = await import(${url('../../lib/index.ts')});
    const { tar } = await import(${url('../store/archive_helper.ts')});
    const [root, pidFile] = ${JSON.stringify([root, pidFile])};
    const store = await openDockerStore(root, { readOnly: false, pidFile });
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500 * Math.random());
    for (let i = 0; ; i++) {
      const content = tar([{ name: 'file', data: process.pid + ' ' + i }]);
      const { layer } = await store.register([content], { parent: 'busybox' });
      const { layer: next } = await store.register([content], { parent: layer });
      await store.createContainer('c-' + process.pid + '-' + i, next);
      if (i % 2 === 0) await store.removeContainer('c-' + process.pid + '-' + i);
      if (i % 3 === 0) await store.release(next);
    }`;
  for (let round = 0; round < ROUNDS; round++) {
    const args = ['--import=tsx', '--input-type=module', '-e', script];
    const killed = await promisify(execFile)(process.execPath, args).catch((error: unknown) => error);
    t.like(killed, { signal: 'SIGKILL' });
    const store = await openDockerStore(root, { readOnly: false, pidFile });
    t.deepEqual((await store.check()).findings, [], `round ${round}`);
    t.deepEqual(await readdir(join(root, 'image/aufs/layerdb/tmp')), []);
    const { sound } = await store.verify();
    t.true(sound);
  }
  const store = await openDockerStore(root, { readOnly: false, pidFile });
  for (const { id } of (await store.contents()).containers.filter((each) => each.id.startsWith('c-'))) {
    await store.removeContainer(id);
  }
  for (let left = 1; left > 0; ) {
    left = 0;
    for (const layer of (await store.contents()).layers) left += (await store.release(layer)).length;
  }
  t.deepEqual(
    (await store.contents()).layers.map(({ chainId }) => chainId as string),
    layers.map(({ chainId }) => chainId).sort(),
  );
  t.is((await readdir(join(root, 'aufs/diff'))).length, 5, 'three layers, a container, what is below it');
});
