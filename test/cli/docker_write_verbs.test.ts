// SPDX-License-Identifier: MIT
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ChainId, chainId, type DiffId } from '../../lib/index.ts';
import { dockerRoot } from '../docker/docker_helper.ts';
import { sha256, tar } from '../store/archive_helper.ts';
import { nodeAufs, type Outcome } from './cli_helper.ts';

const ARCHIVE = tar([{ name: 'one', data: 'one' }]);

async function place(t: ExecutionContext) {
  const fixture = await dockerRoot(t);
  const docker = (...args: string[]): Promise<Outcome> =>
    nodeAufs(['--root', fixture.root, 'docker', ...args]);
  const file = join(fixture.scratch, 'one.tar');
  await writeFile(file, ARCHIVE);
  const top = fixture.layers[2].chainId;
  const layerdb = join(fixture.root, 'image/aufs/layerdb');
  return { fixture, docker, file, top, layerdb, one: chainId(top as ChainId, sha256(ARCHIVE) as DiffId) };
}

async function names(root: string): Promise<string[]> {
  return (await readdir(root, { recursive: true }))
    .filter((name) => !name.startsWith('aufs/.node-aufs'))
    .sort();
}

test('docker register and release: a layer comes, is found again, and goes', async (t) => {
  const { fixture, docker, file, top, one } = await place(t);
  const before = await names(fixture.root);
  const made = await docker('register', '--parent', 'busybox', '--diff-id', sha256(ARCHIVE), file);
  t.is(made.code, 0, made.stderr);
  t.is(made.stdout, `${one}\n`);
  const again = JSON.parse((await docker('register', '-p', top, file, '--json')).stdout);
  t.like(again, { chainId: one, diffId: sha256(ARCHIVE), parent: top, size: 3, existed: true });
  t.is((await docker('check')).code, 0);
  const kept = await docker('release', 'busybox');
  t.is(kept.code, 0, kept.stderr);
  t.is(kept.stdout, '');
  t.regex(kept.stderr, /sha256:[0-9a-f]{64} stays: /);
  t.is((await docker('release', one.slice(7, 19))).stdout, `${one}\n`);
  t.deepEqual(await names(fixture.root), before);

  const refused = await Promise.all([
    docker('register', '--diff-id', sha256(Buffer.from('x')), file),
    docker('register', '--max-bytes', '1K', file),
    docker('register', '--parent', 'nobody', file),
    docker('register', `${file}.gone`),
    docker('release', 'nobody'),
  ]);
  t.deepEqual(
    refused.map(({ code }) => code),
    [65, 65, 66, 66, 66],
  );
  t.deepEqual(await names(fixture.root), before);
});

test('docker create-container and rm-container: its layers come and go', async (t) => {
  const { fixture, docker, file, top, one } = await place(t);
  const before = await names(fixture.root);
  const made = await docker('create-container', 'busybox');
  t.is(made.code, 0, made.stderr);
  const id = made.stdout.trim();
  t.regex(id, /^[0-9a-f]{64}$/);
  const { containers } = JSON.parse((await docker('ls', '--json')).stdout);
  t.like(
    containers.find((container: { id: string }) => container.id === id),
    { parent: top },
  );
  t.is((await docker('rm-container', id.slice(0, 12))).stdout, `${id}\n`);
  t.deepEqual(await names(fixture.root), before);

  await docker('register', '-p', 'busybox', file);
  const named = JSON.parse((await docker('create-container', '--id', 'web.1', one, '--json')).stdout);
  t.like(named, { id: 'web.1', parent: one, initId: `${named.mountId}-init` });
  const refused = await Promise.all([
    docker('create-container', '--id', 'web.1', one),
    docker('create-container', '--id', '../x', one),
    docker('create-container', 'nobody'),
  ]);
  t.deepEqual(
    refused.map(({ code }) => code),
    [75, 64, 66],
  );
  const removed = JSON.parse((await docker('rm-container', 'web.1', '--json')).stdout);
  t.deepEqual(removed, { id: 'web.1', removed: [{ chainId: one, size: 3 }] });
  t.is((await docker('rm-container', 'web.1')).code, 66);
  t.deepEqual(await names(fixture.root), before);
});

test('docker gc: says what it removed', async (t) => {
  const { fixture, docker, file, layerdb, one } = await place(t);
  t.is((await docker('gc')).stdout, 'removed 0 leftovers, 0 are in use\n');
  await docker('register', '-p', 'busybox', file);
  const entry = join(layerdb, 'sha256', one.slice(7));
  const cacheId = await readFile(join(entry, 'cache-id'), 'utf8');
  await rename(entry, `${entry}-0f-removing`);
  const { code, stdout, stderr } = await docker('gc');
  t.is(code, 0, stderr);
  t.is(stdout, `removed  ${entry}-0f-removing\nremoved 1 leftovers, 0 are in use\n`);
  t.false((await readdir(join(fixture.root, 'aufs/diff'))).includes(cacheId));
  t.deepEqual(JSON.parse((await docker('gc', '--json')).stdout), { removed: [], kept: [] });
});
