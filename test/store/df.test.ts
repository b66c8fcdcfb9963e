// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { link, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openStore } from '../../lib/store/index.ts';
import { kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { facts, fullTree } from './archive_helper.ts';
import { id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

/** What du(1) says, in bytes. */
function du(path: string, ...options: string[]): number {
  return Number(execFileSync('du', ['-s', ...options, path], { encoding: 'utf8' }).split('\t')[0]);
}

test('df counts blocks as du does, and each hard-linked file once', async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer({ from: await fullTree(t) });
  const source = await temporaryDirectory(t);
  await writeFile(join(source, 'a'), 'x'.repeat(10_000));
  await link(join(source, 'a'), join(source, 'b'));
  await writeFile(join(source, 'sparse'), '');
  await truncate(join(source, 'sparse'), 10_000_000);
  const linked = await store.createLayer({ from: source, parent: layer });

  const before = await facts(store.root);
  const { layers, total } = await store.df();
  t.deepEqual(await facts(store.root), before);
  for (const { id: one, bytesOnDisk, apparentBytes } of layers) {
    const { diffPath } = await store.layer(one);
    t.is(bytesOnDisk, du(diffPath, '-B1'));
    t.is(apparentBytes, await (await store.layer(one)).diffSize());
  }
  t.like(
    layers.find((one) => one.id === linked.id),
    { entries: 3, apparentBytes: 10_010_000 },
  );
  t.is(
    total.bytesOnDisk,
    layers.reduce((sum, { bytesOnDisk }) => sum + bytesOnDisk, 0),
  );
});

test('df: reclaimable is what nothing references, and leftovers', async (t) => {
  const store = await temporaryStore(t);
  const source = await temporaryDirectory(t);
  await write(source, { file: 'x'.repeat(5000) });
  const free = await store.createLayer({ from: source });
  const kept = await store.createLayer({ from: source, labels: { keep: '' } });
  const below = await store.createLayer({ from: source });
  const writable = await store.createLayer({ parent: below });
  await write(store.root, { [`diff/${id('c')}-removing/x`]: 'x'.repeat(9000) });
  const { layers, leftoverBytes, total } = await store.df();
  const found = Object.fromEntries(layers.map((one) => [one.id, one.reference]));
  t.deepEqual(found, {
    [free.id]: null,
    [kept.id]: 'keep',
    [below.id]: 'children',
    [writable.id]: 'writable',
  });
  const bytes = layers.find((one) => one.id === free.id)?.bytesOnDisk as number;
  t.true(leftoverBytes >= 9000);
  t.is(total.reclaimable, bytes + leftoverBytes);
  await writeFile(join(store.root, 'layers', writable.id), '');
  const damaged = await store.df();
  t.is(damaged.total.reclaimable, leftoverBytes, 'what is referenced is not certain');
});

for (const [name, shares] of [
  ['ext4', false],
  ['xfs', true],
  ['btrfs', true],
] as const) {
  const kind = kinds[name];
  const missing = missingFor(kind);
  const declare = missing.length === 0 ? test.serial : test.skip;
  const needs = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  declare(`df on ${name}: blocks that other files have too${needs}`, async (t) => {
    const root = await newFileSystem(t, kind);
    const source = join(root, 'source');
    await write(source, { 'd/big': '1'.repeat(1 << 20), own: '2'.repeat(1 << 16) });
    await using store = await openStore(join(root, 'store'));
    const layer = await store.createLayer({ from: source });
    await writeFile(join(layer.diffPath, 'more'), Buffer.alloc(1 << 18, 3), { flush: true });
    execFileSync('sync', ['-f', root]);
    const shared = shares ? (1 << 20) + (1 << 16) : 0;
    const [usage] = (await store.df()).layers;
    t.is(usage?.sharedBytes, shared);
    t.is(usage?.reclaimable, (usage?.bytesOnDisk ?? 0) - shared);
    t.true((usage?.reclaimable ?? 0) >= 1 << 18);
    await rm(source, { recursive: true });
    execFileSync('sync', ['-f', root]);
    const { layers, total } = await store.df();
    t.is(layers[0]?.sharedBytes, 0);
    t.is(total.sharedBytes, 0);
  });
}
