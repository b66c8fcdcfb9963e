// SPDX-License-Identifier: MIT
// Stores from anywhere: what is no file is not waited for, a record without end is not read to its end, a question leaves nothing behind.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { binding } from '../../lib/binding.ts';
import type { AufsError } from '../../lib/errors.ts';
import { type Layer, openStore, type Store } from '../../lib/store/index.ts';
import { collect, sha256, tar } from './archive_helper.ts';
import { id, temporaryDirectory, temporaryStore } from './store_helper.ts';

const [A, B] = [id('a'), id('b')];

/** A FIFO in the place of a file. */
async function fifo(path: string): Promise<void> {
  await rm(path, { force: true });
  execFileSync('mkfifo', [path]);
}

function recordFile(store: Store, layer: Layer): string {
  return join(store.root, '.node-aufs/layers', `${layer.id}.tar-split.json.gz`);
}

const exact = (layer: Layer) => collect(layer.archive({ exact: true }));

test('a record that is no file: the layer counts as changed, and nothing is waited for', async (t) => {
  t.timeout(20_000);
  const store = await temporaryStore(t);
  const { layer } = await store.apply([tar([{ name: 'a', data: 'one' }])]);
  const path = recordFile(store, layer);
  const elsewhere = join(await temporaryDirectory(t), 'elsewhere');
  await writeFile(elsewhere, await readFile(path));
  const others: Readonly<Record<string, () => Promise<void>>> = {
    FIFO: () => fifo(path),
    directory: () => mkdir(path),
    symlink: () => symlink(elsewhere, path),
  };
  for (const [what, make] of Object.entries(others)) {
    await rm(path, { recursive: true });
    await make();
    await t.throwsAsync(
      exact(layer),
      { code: 'ERR_LAYER_CHANGED', message: /it is (not a file|a symlink)/ },
      what,
    );
    t.like((await store.verify()).layers[0], { state: 'damaged' }, what);
  }
});

test('a record with a line that no record has is not read on', async (t) => {
  t.timeout(60_000);
  const store = await temporaryStore(t);
  const { layer } = await store.apply([tar([{ name: 'a', data: 'one' }])]);
  const start = '{"type":2,"payload":"';
  const line = Buffer.alloc(65 * 2 ** 20, 'A');
  line.write(start);
  await writeFile(recordFile(store, layer), gzipSync(line, { level: 1 }));
  const error = await t.throwsAsync<AufsError>(exact(layer), { code: 'ERR_LAYER_CHANGED' });
  t.regex(error?.message ?? '', /a line of more than 67108864 characters/);
  t.regex(error?.hint ?? '', /leave `exact` out/);
});

test('a line of many MiB is one, as old Dockers wrote them', async (t) => {
  t.timeout(60_000);
  const store = await temporaryStore(t);
  const archive = Buffer.concat([tar([{ name: 'a', data: 'one' }]), Buffer.alloc(24 * 2 ** 20, 'z')]);
  const { layer } = await store.apply([archive]);
  const pieces = [archive.subarray(0, 512), archive.subarray(515)];
  const [head = '', tail = ''] = pieces.map((piece) => piece.toString('base64'));
  const record = gzipSync(await lines(store, layer, head, tail), { level: 1 });
  await writeFile(recordFile(store, layer), record);
  t.is(sha256(await exact(layer)), sha256(archive));
});

/** The record of a file between two pieces, each in one line. */
async function lines(store: Store, layer: Layer, head: string, tail: string): Promise<string> {
  const text = execFileSync('gzip', ['-dc', recordFile(store, layer)], { maxBuffer: 2 ** 28 }).toString();
  const file = text.split('\n').find((line) => JSON.parse(line).type === 1);
  return [
    JSON.stringify({ type: 2, payload: head }),
    file,
    JSON.stringify({ type: 2, payload: tail }),
    '',
  ].join('\n');
}

test('FIFOs in the places of a store’s own files are damage, and are not waited for', async (t) => {
  t.timeout(20_000);
  const store = await temporaryStore(t);
  await store.createLayer({ id: A });
  await store.createLayer({ id: B, labels: { name: 'b' } });
  await fifo(join(store.root, 'layers', A));
  await fifo(join(store.root, '.node-aufs/layers', `${B}.json`));
  const other = await openStore(store.root);
  const [first, second] = await other.layers();
  t.is(first?.problem?.code, 'ERR_CORRUPT_LAYER');
  t.regex(first?.problem?.message ?? '', /it is not a file/);
  t.like(second, { id: B, readOnly: true, problem: undefined });
  t.deepEqual((await other.check()).findings.filter(({ kind }) => kind === 'unknown-name').length, 2);
  await second?.remove();
  await first?.remove();
  t.deepEqual(await other.layers(), []);
});

test('a FIFO in the place of a lock or of a layer’s directory is not waited for', async (t) => {
  t.timeout(20_000);
  const store = await temporaryStore(t);
  const layer = await store.createLayer({ id: A });
  await fifo(join(store.root, '.node-aufs/locks', A));
  await rm(layer.diffPath, { recursive: true });
  await fifo(layer.diffPath);
  await layer.remove();
  t.deepEqual(await readdir(join(store.root, 'diff')), []);
});

test('asking for a lock makes no file; taking a layer’s does', async (t) => {
  const path = join(await temporaryDirectory(t), 'lock');
  await t.throwsAsync(binding().flock(path, true), { message: /./ });
  t.deepEqual(await readdir(join(path, '..')), []);
  const lock = await binding().lockFile(path, true);
  t.truthy(lock);
  t.is(await binding().flock(path, false), null);
  if (lock !== null) binding().unlock(lock);
});
