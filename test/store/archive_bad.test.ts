// SPDX-License-Identifier: MIT
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip, gzipSync } from 'node:zlib';
import test from 'ava';
import { AufsError, type AufsErrorCode, hasCode } from '../../lib/errors.ts';
import type { ApplyOptions, ByteSource } from '../../lib/store/index.ts';
import { isRoot } from '../helpers/stage.ts';
import { type Member, namesIn, pieces, sha256, tar } from './archive_helper.ts';
import { temporaryDirectory, temporaryStore } from './store_helper.ts';

interface Refused {
  readonly title: string;
  readonly source: () => ByteSource | Promise<ByteSource>;
  readonly options?: ApplyOptions;
  readonly code: AufsErrorCode;
  readonly says: RegExp;
}

const members =
  (...list: Member[]) =>
  () => [tar(list)];
const good = tar([{ name: 'a', data: 'x'.repeat(3000) }]);

/** So much of nothing, compressed. */
async function* bomb(bytes: number): AsyncGenerator<Uint8Array> {
  const gzip = createGzip();
  const zeros = Buffer.alloc(2 ** 20);
  const feed = async () => {
    gzip.write(tar([{ name: 'zeros', data: '' }], { end: false }));
    for (let fed = 0; fed < bytes; fed += zeros.length) {
      if (!gzip.write(zeros)) await new Promise((resolve) => gzip.once('drain', resolve));
    }
    gzip.end();
  };
  const feeding = feed();
  yield* gzip;
  await feeding;
}

/** Entries without end. */
async function* endless(): AsyncGenerator<Uint8Array> {
  for (let i = 0; ; i++) yield tar([{ name: `f${i}`, data: 'x' }], { end: false });
}

/** An archive that ends, and zeros for ever. */
async function* endlessPadding(): AsyncGenerator<Uint8Array> {
  yield good;
  for (;;) yield Buffer.alloc(2 ** 16);
}

const REFUSED: readonly Refused[] = [
  { title: 'nothing', source: () => [], code: 'ERR_ARCHIVE', says: /without an end mark/ },
  {
    title: 'text',
    source: () => [Buffer.from('hello '.repeat(200))],
    code: 'ERR_ARCHIVE',
    says: /no tar archive/,
  },
  {
    title: 'a cut archive',
    source: () => [good.subarray(0, 2000)],
    code: 'ERR_ARCHIVE',
    says: /middle of an entry/,
  },
  {
    title: 'an archive without its end',
    source: () => [good.subarray(0, -1024)],
    code: 'ERR_ARCHIVE',
    says: /end mark/,
  },
  {
    title: 'a cut gzip archive',
    source: () => [gzipSync(good).subarray(0, -10)],
    code: 'ERR_ARCHIVE',
    says: /gzip data are damaged or cut off/,
  },
  {
    title: 'a damaged gzip archive',
    source: () => {
      const bytes = gzipSync(good);
      bytes[15] = (bytes[15] ?? 0) ^ 0xff;
      return [bytes];
    },
    code: 'ERR_ARCHIVE',
    says: /gzip data are damaged/,
  },
  {
    title: 'xz',
    source: () => [Buffer.from('\xfd7zXZ\0more', 'latin1')],
    code: 'ERR_UNSUPPORTED',
    says: /xz -dc/,
  },
  {
    title: 'a name that leads out',
    source: members({ name: '../../x', data: '1' }),
    code: 'ERR_ARCHIVE_UNSAFE',
    says: /'\.\.'.*"\.\.\/\.\.\/x"/,
  },
  {
    title: 'a file below a symlink',
    source: members({ name: 's', type: '2', link: '/' }, { name: 's/tmp/escaped', data: '1' }),
    code: 'ERR_ARCHIVE_UNSAFE',
    says: /below a symlink/,
  },
  {
    title: 'a hard link out',
    source: members({ name: 'l', type: '1', link: '/../etc/passwd' }),
    code: 'ERR_ARCHIVE_UNSAFE',
    says: /'\.\.'/,
  },
  {
    title: 'a directory that is a whiteout',
    source: members({ name: '.wh.x/', type: '5' }),
    code: 'ERR_ARCHIVE_UNSAFE',
    says: /whiteout/,
  },
  {
    title: 'a hard link to itself',
    source: members({ name: 'l', type: '1', link: 'l' }),
    code: 'ERR_ARCHIVE',
    says: /"l"/,
  },
  {
    title: 'hard links in a circle',
    source: members({ name: 'a', type: '1', link: 'b' }, { name: 'b', type: '1', link: 'a' }),
    code: 'ERR_ARCHIVE',
    says: /"a"/,
  },
  {
    title: 'a file below a symlink to itself',
    source: members({ name: 's', type: '2', link: 's' }, { name: 's/file', data: '1' }),
    code: 'ERR_ARCHIVE_UNSAFE',
    says: /below a symlink/,
  },
  {
    title: 'entries without end',
    source: endless,
    options: { maxEntries: 500 },
    code: 'ERR_ARCHIVE_LIMIT',
    says: /more entries/,
  },
  {
    title: 'padding without end',
    source: endlessPadding,
    options: { maxBytes: 2 ** 22 },
    code: 'ERR_ARCHIVE_LIMIT',
    says: /longer than allowed/,
  },
  { title: 'an unknown type', source: members({ name: 'a', type: 'Z' }), code: 'ERR_ARCHIVE', says: /type/ },
  {
    title: 'too many entries',
    source: members({ name: 'a' }, { name: 'b' }),
    options: { maxEntries: 1 },
    code: 'ERR_ARCHIVE_LIMIT',
    says: /more entries.*maxEntries/,
  },
  {
    title: 'too many bytes',
    source: () => [good],
    options: { maxBytes: 3000 },
    code: 'ERR_ARCHIVE_LIMIT',
    says: /longer than allowed/,
  },
  {
    title: '10 GiB of zeros in gzip',
    source: () => bomb(10 * 2 ** 30),
    options: { maxBytes: 16 * 2 ** 20 },
    code: 'ERR_ARCHIVE_LIMIT',
    says: /longer than allowed/,
  },
  {
    title: 'a name twice, by the rules of Docker',
    source: members({ name: 'a' }, { name: 'a' }),
    options: { format: 'docker' },
    code: 'ERR_ARCHIVE',
    says: /twice/,
  },
  {
    title: 'another digest',
    source: () => [good],
    options: { expectedDiffId: sha256(Buffer.from('')) },
    code: 'ERR_DIGEST',
    says: /not sha256:e3b0c442/,
  },
  {
    title: 'a source that fails',
    source: async function* () {
      yield good.subarray(0, 1000);
      throw new AufsError('ERR_USAGE', 'the source failed');
    } as () => AsyncGenerator<Uint8Array>,
    code: 'ERR_USAGE',
    says: /the source failed/,
  },
  {
    title: 'an unknown parent',
    source: () => [good],
    options: { parent: 'ee' },
    code: 'ERR_PARENT_NOT_FOUND',
    says: /ee/,
  },
];

for (const { title, source, options = {}, code, says } of REFUSED) {
  test(`refused, and the store as it was: ${title}`, async (t) => {
    const store = await temporaryStore(t);
    await store.apply([tar([{ name: 'there' }])]);
    const before = await namesIn(store);
    const error = await t.throwsAsync(store.apply(await source(), options), { instanceOf: AufsError });
    t.is((error as AufsError).code, code);
    t.regex(error?.message ?? '', says);
    t.deepEqual(await namesIn(store), before);
  });
}

test('cut at any byte', async (t) => {
  const store = await temporaryStore(t);
  const whole = tar([
    { name: 'a', data: 'x' },
    { name: 'd/', type: '5' },
  ]);
  const end = whole.length - 512;
  for (let size = 0; size < end; size += 61) {
    await t.throwsAsync(store.apply([whole.subarray(0, size)]), { code: 'ERR_ARCHIVE' }, `${size}`);
  }
  t.deepEqual((await store.layers()).length, 0);
  const cut = whole.subarray(0, -1024);
  t.is((await store.apply([cut], { expectedDiffId: sha256(cut) })).entries, 2);
});

test('abort in the middle, with the reason, and the store as it was', async (t) => {
  const store = await temporaryStore(t);
  const before = await namesIn(store);
  const many = tar(Array.from({ length: 3000 }, (_, i) => ({ name: `f${i}`, data: 'x'.repeat(500) })));
  const controller = new AbortController();
  const reason = new Error('enough');
  const onProgress = () => controller.abort(reason);
  t.is(
    await t.throwsAsync(store.apply(pieces(many, 5000), { signal: controller.signal, onProgress })),
    reason,
  );
  t.is(await t.throwsAsync(store.apply(pieces(many, 5000), { signal: AbortSignal.abort(reason) })), reason);
  t.deepEqual(await namesIn(store), before);
});

test('abort while the source gives nothing', async (t) => {
  const store = await temporaryStore(t);
  let returned = false;
  const controller = new AbortController();
  const reason = new Error('enough');
  const source: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        setTimeout(() => controller.abort(reason), 50);
        return new Promise(() => {});
      },
      return: async () => {
        returned = true;
        return { done: true, value: undefined };
      },
    }),
  };
  t.is(await t.throwsAsync(store.apply(source, { signal: controller.signal })), reason);
  t.true(returned);
});

test('a stream is destroyed when the work ends early', async (t) => {
  const store = await temporaryStore(t);
  const file = join(await temporaryDirectory(t), 'bad.tar');
  await writeFile(file, Buffer.alloc(2 ** 20, 'x'));
  const stream = createReadStream(file);
  await t.throwsAsync(store.apply(stream), { code: 'ERR_ARCHIVE' });
  await sleep(10);
  t.true(stream.destroyed);
});

test('a stream is destroyed when the work ends before it begins', async (t) => {
  const store = await temporaryStore(t);
  const driver = store.graphDriver();
  const { id } = await store.createLayer();
  const file = join(await temporaryDirectory(t), 'archive.tar');
  await writeFile(file, good);
  const other = 'f'.repeat(64);
  const early = [
    (stream: ByteSource) => store.apply(stream, { id }),
    (stream: ByteSource) => store.apply(stream, { parent: other }),
    (stream: ByteSource) => driver.applyDiff(id, other, stream),
  ];
  for (const work of early) {
    const stream = createReadStream(file);
    await t.throwsAsync(work(stream), { instanceOf: AufsError });
    t.true(stream.destroyed);
  }
});

/** A web stream that never comes up with a chunk, and what it was cancelled with. */
function stalled() {
  let cancelled = false;
  const cancel = () => {
    cancelled = true;
  };
  return { stream: new ReadableStream<Uint8Array>({ cancel }), cancelled: () => cancelled };
}

test('a web stream is cancelled when the work ends before it begins, or while it is waited for', async (t) => {
  const store = await temporaryStore(t);
  const { id } = await store.createLayer();
  const unread = stalled();
  await t.throwsAsync(store.apply(unread.stream, { id }), { code: 'ERR_LAYER_EXISTS' });
  t.true(unread.cancelled());

  const waited = stalled();
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 50);
  t.is(await t.throwsAsync(store.apply(waited.stream, { signal: controller.signal })), reason);
  await sleep(10);
  t.true(waited.cancelled());

  const archive = new Blob([good as Uint8Array<ArrayBuffer>]).stream();
  t.is((await store.apply(archive)).diffId, sha256(good));
  t.false(archive.locked);
});

test('a generator that was begun elsewhere is ended when the work ends before it begins', async (t) => {
  const store = await temporaryStore(t);
  const { id } = await store.createLayer();
  let ended = false;
  async function* chunks() {
    try {
      yield new Uint8Array(1);
      yield good;
    } finally {
      ended = true;
    }
  }
  const source = chunks();
  await source.next();
  await t.throwsAsync(store.apply(source, { id }), { code: 'ERR_LAYER_EXISTS' });
  await sleep(10);
  t.true(ended);
});

test('a stream that fails before it is read ends the work, not the process', async (t) => {
  const store = await temporaryStore(t);
  const nowhere = join(await temporaryDirectory(t), 'nowhere');
  await t.throwsAsync(store.apply(createReadStream(nowhere)), { code: 'ENOENT' });
  t.deepEqual(await store.layers(), []);
});

test('an onProgress that throws ends the work', async (t) => {
  const store = await temporaryStore(t);
  const reason = new Error('mine');
  const onProgress = () => {
    throw reason;
  };
  t.is(await t.throwsAsync(store.apply([good], { onProgress })), reason);
  t.deepEqual(await store.layers(), []);
});

test('wrong calls', async (t) => {
  const store = await temporaryStore(t);
  await t.throwsAsync(store.apply([good], { expectedDiffId: 'abc' }), { instanceOf: TypeError });
  await t.throwsAsync(store.apply([good], { maxBytes: -1 }), { instanceOf: RangeError });
  await t.throwsAsync(store.apply([good], { format: 'zip' as 'oci' }), { instanceOf: TypeError });
  await t.throwsAsync(store.apply(['text'] as unknown as ByteSource), { instanceOf: TypeError });
  await t.throwsAsync(store.apply([good], { id: 'x' }), { code: 'ERR_LAYER_ID' });
});

test('without a limit there is none', async (t) => {
  const store = await temporaryStore(t);
  const limits = { maxBytes: Number.POSITIVE_INFINITY, maxEntries: Number.POSITIVE_INFINITY };
  t.is((await store.apply([good], limits)).entries, 1);
});

(isRoot ? test : test.skip)('no space: what the kernel says, and the store as it was', async (t) => {
  const { disk } = await import('./small_disk.ts');
  const { openStore } = await import('../../lib/store/index.ts');
  const store = await openStore(join(await disk(t, 4), 'aufs'));
  const before = await namesIn(store);
  const error = await t.throwsAsync(store.apply([tar([{ name: 'big', data: Buffer.alloc(8 * 2 ** 20) }])]));
  t.true(hasCode(error, 'ENOSPC'), String(error));
  t.is((error as { path?: string }).path, 'big');
  t.deepEqual(await namesIn(store), before);
});
