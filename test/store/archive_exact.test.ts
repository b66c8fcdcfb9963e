// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { chmod, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import test from 'ava';
import type { Layer, Store } from '../../lib/store/index.ts';
import { collect, fullTree, pieces, sha256, tar } from './archive_helper.ts';
import { temporaryStore } from './store_helper.ts';

function recordFile(store: Store, layer: Layer): string {
  return join(store.root, '.node-aufs/layers', `${layer.id}.tar-split.json.gz`);
}

for (const format of ['posix', 'gnu', 'oldgnu']) {
  test(`an archive of GNU tar (${format}) comes out again byte for byte`, async (t) => {
    const tree = await fullTree(t);
    const options = ['-C', tree, `--format=${format}`, '-S', '--sort=name', '-cf', '-', '.'];
    const archive = execFileSync('tar', options, { maxBuffer: 2 ** 26 });
    const store = await temporaryStore(t);
    const { layer, exact } = await store.apply(pieces(archive, 3000));
    t.true(exact);
    t.is(sha256(await collect(layer.archive({ exact: true }))), sha256(archive));
    t.notDeepEqual(await collect(layer.archive()), archive, 'made anew it is another');
  });
}

test('odd archives too: dropped entries, whiteouts with data, bytes after the end', async (t) => {
  const archive = Buffer.concat([
    tar([
      { name: '.wh..wh.plnk/1.2', data: 'shared' },
      { name: 'a', type: '1', link: '.wh..wh.plnk/1.2' },
      { name: '.wh..wh.orph/x', data: 'lost' },
      { name: '.wh.b', data: 'not empty' },
      { name: './c//d', data: 'x'.repeat(1000) },
    ]),
    Buffer.alloc(3 * 2 ** 20, 'z'),
  ]);
  const store = await temporaryStore(t);
  const { layer } = await store.apply([archive]);
  t.is(sha256(await collect(layer.archive({ exact: true }))), sha256(archive));
});

test('the record is one that tar-split writes', async (t) => {
  const store = await temporaryStore(t);
  const { layer } = await store.apply([
    tar([
      { name: 'a', data: '123456789' },
      { name: 'd/', type: '5' },
    ]),
  ]);
  const text = gunzipSync(await readFile(recordFile(store, layer))).toString();
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    lines.map(({ type, name, size, position }) => [type, name, size, position]),
    [
      [2, undefined, undefined, 0],
      [1, 'a', 9, 1],
      [2, undefined, undefined, 2],
      [1, 'd/', undefined, 3],
      [2, undefined, undefined, 4],
      [2, undefined, undefined, 5],
    ],
  );
  t.is(lines[1].payload, Buffer.from('b90956c775a41001', 'hex').toString('base64'));
  t.is(lines[3].payload, null);
});

test('what changed since is told', async (t) => {
  const store = await temporaryStore(t);
  const source = tar([
    { name: 'a', data: 'one' },
    { name: 'b', data: 'two' },
  ]);
  const { layer } = await store.apply([source]);
  const file = join(layer.diffPath, 'b');
  const says = (code: string, message: RegExp) => async () => {
    const error = await t.throwsAsync(collect(layer.archive({ exact: true })), { code });
    t.regex(error?.message ?? '', message);
  };
  await writeFile(file, 'TWO');
  await says('ERR_LAYER_CHANGED', /not what it was.*"b"/)();
  await truncate(file, 1);
  await says('ERR_LAYER_CHANGED', /not as long as it was.*"b"/)();
  await rm(file);
  await says('ENOENT', /b/)();
  await writeFile(file, 'two');
  t.deepEqual(await collect(layer.archive({ exact: true })), source);
});

test('a record that was changed cannot make another archive of it', async (t) => {
  const store = await temporaryStore(t);
  const source = tar([{ name: 'a', data: 'one' }]);
  const { layer } = await store.apply([source]);
  const path = recordFile(store, layer);
  const before = gunzipSync(await readFile(path)).toString();
  await chmod(path, 0o600);
  const rewrite = (text: string) => writeFile(path, gzipSync(text));
  const chunks: Buffer[] = [];
  const read = async () => {
    for await (const chunk of layer.archive({ exact: true })) chunks.push(chunk as Buffer);
  };
  await rewrite(before.replace('"payload":"AAAA', '"payload":"BBBB'));
  await t.throwsAsync(read(), { code: 'ERR_DIGEST' });
  t.deepEqual(chunks, [], 'the end is held back until the digest is known');
  await rewrite(before.replace('"name":"a"', '"name":"../../../../../../etc/passwd"'));
  await t.throwsAsync(read(), { code: 'ERR_ARCHIVE_UNSAFE' });
  for (const bad of [
    '{}\n',
    'x\n',
    '{"type":1,"size":3,"position":0}\n',
    '[1]\n',
    '{"type":3,"payload":"","position":0}\n',
  ]) {
    await rewrite(bad);
    await t.throwsAsync(read(), { code: 'ERR_LAYER_CHANGED' }, bad);
  }
  await writeFile(path, gzipSync(before).subarray(0, 40));
  await t.throwsAsync(read(), { code: 'ERR_LAYER_CHANGED' });
});

test('no record where none was wanted, nor where a name came twice', async (t) => {
  const store = await temporaryStore(t);
  const none = await store.apply([tar([{ name: 'a' }])], { exact: false });
  const twice = await store.apply([
    tar([
      { name: 'a', data: '1' },
      { name: 'a', data: '2' },
    ]),
  ]);
  const made = await store.createLayer();
  for (const layer of [none.layer, twice.layer, made]) {
    await t.throwsAsync(collect(layer.archive({ exact: true })), { code: 'ERR_NO_RECORD' });
  }
  t.deepEqual([none.exact, twice.exact], [false, false]);
});
