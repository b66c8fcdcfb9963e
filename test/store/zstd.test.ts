// SPDX-License-Identifier: MIT
// zstd by Node where it can, and by the library that stands in for it, against the program.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { unzstd } from '../../lib/store/unzstd.ts';
import { has } from '../helpers/stage.ts';
import { collect, pieces, sha256, tar } from './archive_helper.ts';
import { temporaryStore } from './store_helper.ts';

const able = has('zstd');
const here = able ? test : test.skip;
const why = able ? '' : ' (needs zstd)';

/** What the program makes of it; `args` as it takes them. */
function zstd(plain: Buffer, ...args: string[]): Buffer {
  return spawnSync('zstd', ['-q', '-c', ...args], { input: plain, maxBuffer: 1 << 28 }).stdout;
}

/** Bytes that compress a little, without a pattern that a mistake could hide behind. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (x * 48_271) % 2_147_483_647;
    bytes[i] = x & 0x3f;
  }
  return bytes;
}

const DATA: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['little', Buffer.from('abc')],
  ['zeros', Buffer.alloc(3_000_000)],
  ['noise', noise(2_500_000)],
  ['both', Buffer.concat([noise(700_000), Buffer.alloc(900_000), noise(300_000)])],
];

here(`every level and frame of the program is undone${why}`, async (t) => {
  t.timeout(120_000);
  for (const [title, plain] of DATA) {
    for (const args of [['-1'], ['-3', '--no-check'], ['-19'], ['-3', '--long=24']]) {
      const packed = zstd(plain, ...args);
      for (const size of [13, 5000, packed.length]) {
        if (packed.length / size > 50_000) continue;
        t.true((await collect(unzstd(pieces(packed, size)))).equals(plain), `${title} ${args} ${size}`);
      }
    }
  }
  const frames = Buffer.concat([zstd(noise(1000)), zstd(Buffer.alloc(0)), zstd(noise(200_000))]);
  t.true((await collect(unzstd(pieces(frames, 999)))).equals(Buffer.concat([noise(1000), noise(200_000)])));
});

here(`cut off or damaged zstd data are an error, whatever the decoder runs into${why}`, async (t) => {
  const packed = zstd(noise(300_000));
  for (const length of [5, 17, 100, packed.length >> 1, packed.length - 10]) {
    await t.throwsAsync(collect(unzstd([packed.subarray(0, length)])), { code: 'ERR_ARCHIVE' }, `${length}`);
  }
  for (let at = 4; at < 60; at++) {
    const broken = Buffer.from(packed);
    broken[at] = (broken[at] ?? 0) ^ 0xff;
    const outcome = await collect(unzstd([broken])).catch((error: NodeJS.ErrnoException) => error.code);
    t.true(outcome === 'ERR_ARCHIVE' || outcome instanceof Buffer, `byte ${at}: ${outcome}`);
  }
});

here(`an archive that is compressed with zstd is told by its first bytes${why}`, async (t) => {
  const plain = tar([{ name: 'a', data: 'x'.repeat(100_000) }]);
  const store = await temporaryStore(t);
  const { layer, diffId } = await store.apply(pieces(zstd(plain), 7));
  t.is(diffId, sha256(plain));
  t.is(await readFile(join(layer.diffPath, 'a'), 'utf8'), 'x'.repeat(100_000));
  const before = (await store.layers()).length;
  await t.throwsAsync(store.apply([zstd(plain).subarray(0, 40)]), { code: 'ERR_ARCHIVE' });
  // 10 GiB of zeros are some 300 KiB.
  const bomb = zstd(Buffer.alloc(1 << 26));
  const many = Array.from({ length: 160 }, () => bomb);
  await t.throwsAsync(store.apply(many, { maxBytes: 1 << 28 }), { code: 'ERR_ARCHIVE_LIMIT' });
  t.is((await store.layers()).length, before);
});
