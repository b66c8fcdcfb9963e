// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import test from 'ava';
import type { Layer, Store, VerifyProgress } from '../../lib/store/index.ts';
import { facts, fullTree, sha256, tar } from './archive_helper.ts';
import { temporaryStore } from './store_helper.ts';

const FILES = tar([
  { name: 'dir/', type: '5' },
  { name: 'dir/a', data: 'aaaa' },
  { name: 'dir/b', data: 'b'.repeat(300_000) },
  { name: 'z', data: 'zz' },
]);

function own(store: Store, layer: Layer, end: string): string {
  return join(store.root, '.node-aufs/layers', `${layer.id}${end}`);
}

test('verify computes the diff id of what tar has made, and changes nothing', async (t) => {
  const archive = execFileSync('tar', ['-C', await fullTree(t), '-S', '-cf', '-', '.'], {
    maxBuffer: 2 ** 26,
  });
  const store = await temporaryStore(t);
  const { layer } = await store.apply([archive]);
  const other = await store.createLayer();
  const before = await facts(store.root);
  const { sound, layers } = await store.verify();
  t.true(sound);
  t.like(
    layers.find(({ id }) => id === layer.id),
    { state: 'whole', diffId: sha256(archive), bytes: archive.length, entry: null, reason: null },
  );
  t.like(
    layers.find(({ id }) => id === other.id),
    { state: 'unverified', diffId: null, reason: 'there is no record of its archive' },
  );
  t.deepEqual(await facts(store.root), before);
  t.is((await store.verify([layer.id.slice(0, 12)])).layers.length, 1);
  await t.throwsAsync(store.verify(['dead']), { code: 'ERR_LAYER_NOT_FOUND' });
});

interface Damage {
  readonly title: string;
  readonly entry: string | null;
  readonly damage: (store: Store, layer: Layer) => Promise<void>;
}

const DAMAGES: readonly Damage[] = [
  {
    title: 'one bit in a file',
    entry: 'dir/a',
    damage: (_, { diffPath }) => writeFile(join(diffPath, 'dir/a'), 'aaac'),
  },
  {
    title: 'a file cut off',
    entry: 'dir/b',
    damage: (_, { diffPath }) => truncate(join(diffPath, 'dir/b'), 299_999),
  },
  { title: 'a file gone', entry: 'z', damage: (_, { diffPath }) => rm(join(diffPath, 'z')) },
  {
    title: 'a symlink to the right data',
    entry: 'dir/a',
    damage: async (_, { diffPath }) => {
      await rm(join(diffPath, 'dir/a'));
      await writeFile(join(diffPath, 'copy'), 'aaaa');
      await symlink('../copy', join(diffPath, 'dir/a'));
    },
  },
  {
    title: 'a record cut off',
    entry: null,
    damage: (store, layer) => truncate(own(store, layer, '.tar-split.json.gz'), 20),
  },
  {
    title: 'a record without its end',
    entry: null,
    damage: async (store, layer) => {
      const path = own(store, layer, '.tar-split.json.gz');
      const lines = gunzipSync(await readFile(path))
        .toString()
        .trim()
        .split('\n');
      await writeFile(path, gzipSync(`${lines.slice(0, -2).join('\n')}\n`));
    },
  },
];

for (const { title, entry, damage } of DAMAGES) {
  test(`verify finds ${title}, and goes on with the next layer`, async (t) => {
    const store = await temporaryStore(t);
    const { layer } = await store.apply([FILES]);
    const { layer: whole } = await store.apply([FILES]);
    await damage(store, layer);
    const { sound, layers } = await store.verify([layer, whole]);
    t.false(sound);
    t.deepEqual(
      layers.map(({ state }) => state),
      ['damaged', 'whole'],
    );
    t.like(layers[0], { entry, diffId: null });
    t.truthy(layers[0]?.reason);
  });
}

test('verify without a diff id to compare with says so', async (t) => {
  const store = await temporaryStore(t);
  const { layer } = await store.apply([FILES]);
  await rm(own(store, layer, '.json'));
  const { layers } = await store.verify();
  t.like(layers[0], { state: 'unverified', bytes: FILES.length });
});

test('verify tells how far it is and can be called off', async (t) => {
  const store = await temporaryStore(t);
  const { layer } = await store.apply([tar([{ name: 'a', data: Buffer.alloc(4_000_000) }])]);
  const seen: VerifyProgress[] = [];
  await store.verify(undefined, { onProgress: (progress) => seen.push(progress) });
  t.true(seen.length > 5);
  t.like(seen[0], { layer: layer.id, done: 0, layers: 1, bytes: 0 });
  const stop = new AbortController();
  const reason = new Error('enough');
  const onProgress = ({ bytes }: VerifyProgress) => bytes > 500_000 && stop.abort(reason);
  t.is(await t.throwsAsync(store.verify(undefined, { onProgress, signal: stop.signal })), reason);
});
