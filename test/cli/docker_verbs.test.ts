// SPDX-License-Identifier: MIT
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { dockerRoot, mountpoint } from '../docker/docker_helper.ts';
import { IMAGE_TREE } from '../helpers/docker_store.ts';
import { canMount } from '../helpers/stage.ts';
import { readMetadata, readTree } from '../helpers/tree.ts';
import { nodeAufs, type Outcome } from './cli_helper.ts';

async function place(t: ExecutionContext) {
  const fixture = await dockerRoot(t);
  const docker = (...args: string[]): Promise<Outcome> =>
    nodeAufs(['--root', fixture.root, 'docker', ...args]);
  const short = fixture.layers.map(({ chainId }) => chainId.slice(7, 19));
  return { fixture, docker, short };
}

test('docker ls and tree: layers, containers, images; nothing is changed', async (t) => {
  const { fixture, docker, short } = await place(t);
  const before = await readMetadata(fixture.root);
  const { code, stdout, stderr } = await docker('ls');
  t.is(code, 0, stderr);
  t.regex(stdout, new RegExp(`^${short[2]}  ${short[1]}  [0-9a-f]{12}  12\\.1 KiB  busybox:latest$`, 'm'));
  t.regex(stdout, new RegExp(`^${short[0]}  -  `, 'm'));
  t.regex(stdout, new RegExp(`^CONTAINER .*\nc{12} +${short[2]}  `, 'm'));
  const json = JSON.parse((await docker('ls', '--json')).stdout);
  t.is(json.layers.length, 3);
  t.like(json.containers[0], { id: fixture.container.id, parent: fixture.layers[2].chainId });
  t.like(json.images[0], { id: fixture.imageId, complete: true, chainId: fixture.layers[2].chainId });
  t.deepEqual(json.skipped, []);
  t.is(
    (await docker('tree')).stdout,
    [
      `${short[0]}  12.1 KiB`,
      `└─ ${short[1]}  12.1 KiB`,
      `   └─ ${short[2]}  12.1 KiB  busybox:latest  busybox@sha256:${'d'.repeat(64)}`,
      '      └─ cccccccccccc  container\n',
    ].join('\n'),
  );
  t.deepEqual(await readMetadata(fixture.root), before);
});

test('docker check and verify: 65 for a damaged store, 66 for none', async (t) => {
  const { fixture, docker, short } = await place(t);
  const clean = await docker('check');
  t.is(clean.code, 0, clean.stderr);
  t.is(clean.stdout, '3 layers, 1 containers, 1 images: nothing is wrong\n');
  const whole = await docker('verify', 'busybox');
  t.is(whole.code, 0, whole.stderr);
  t.regex(whole.stdout, new RegExp(`^${short[2]} +whole +${fixture.layers[2].diffId} `));

  await writeFile(join(fixture.layers[0].diffPath, 'etc/passwd'), 'root:x:0:1\n');
  const damaged = await docker('verify', short[0] as string);
  t.is(damaged.code, 65);
  t.regex(damaged.stdout, /damaged +etc\/passwd: /);
  await truncate(join(fixture.layers[2].path, 'diff'));
  const wrong = await docker('check');
  t.is(wrong.code, 65);
  t.regex(
    wrong.stdout,
    new RegExp(`^layer-damaged  ${join(fixture.layers[2].path, 'diff')}\n    sha256:.*empty`, 'm'),
  );
  t.false(JSON.parse((await docker('check', '--json')).stdout).clean);
  t.regex(wrong.stdout, /^ {4}to do: put it back from a copy/m);
  t.regex((await docker('ls')).stdout, /^layer-damaged /m);
  t.is((await docker('export', 'busybox')).code, 65);
  t.is((await docker('export', 'nobody')).code, 66);
  t.is((await nodeAufs(['--root', join(fixture.root, 'aufs'), 'docker', 'ls'])).code, 66);
});

test('docker export: byte for byte, to a file and to a pipe', async (t) => {
  const { fixture, docker } = await place(t);
  const { archive, diffId } = fixture.layers[2];
  const output = join(fixture.scratch, 'layer.tar.gz');
  const { code, stdout, stderr } = await docker('export', 'busybox', '-z', '-o', output);
  t.is(code, 0, stderr);
  t.is(stdout, `${diffId}\n`);
  t.true(gunzipSync(await readFile(output)).equals(archive));
  t.is((await docker('export', 'busybox')).stdout, archive.toString('utf8'));
});

const mounting = canMount ? test : test.skip;
mounting(`docker mount: read-only unless -o rw${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  const { docker, short } = await place(t);
  const target = await mountpoint(t);
  const { code, stderr } = await docker('mount', 'busybox', target);
  t.is(code, 0, stderr);
  t.deepEqual(await readTree(target), IMAGE_TREE);
  await t.throwsAsync(writeFile(join(target, 'new'), ''), { code: 'EROFS' });
  t.is((await nodeAufs(['umount', target])).code, 0);
  t.is((await docker('mount', '-o', 'rw', short[2] as string, target)).code, 77);
  t.is((await docker('mount', '-o', 'noexec', 'busybox', target)).code, 64);
  const container = await docker('mount', 'cccc', target, '--json');
  t.like(JSON.parse(container.stdout), { id: 'c'.repeat(64), target });
  t.is(await readFile(join(target, 'etc/hosts'), 'utf8'), 'of the container\n');
});
