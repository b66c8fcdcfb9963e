// SPDX-License-Identifier: MIT
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { abortable, type ByteSource } from '../../lib/store/chunks.ts';
import { temporaryDirectory } from './store_helper.ts';

const MiB = 1024 * 1024;

async function take(source: ByteSource): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of abortable(source, undefined)) chunks.push(Buffer.from(chunk));
  return chunks;
}

test('a file is read in large pieces, whatever its stream was made for', async (t) => {
  const file = join(await temporaryDirectory(t), 'file');
  const content = Buffer.alloc(7 * MiB + 5, 'content ');
  await writeFile(file, content);
  const chunks = await take(createReadStream(file));
  t.true(content.equals(Buffer.concat(chunks)));
  t.true(chunks.length <= 6, `${chunks.length} pieces`);
});

test('streams that have some or nothing to give, or end with an error', async (t) => {
  t.deepEqual(await take(Readable.from([])), []);
  const pieces = [Buffer.from('a'), Buffer.from('b')];
  t.is(Buffer.concat(await take(Readable.from(pieces, { objectMode: false }))).toString(), 'ab');
  t.deepEqual(await take(Readable.from(pieces)), pieces);
  const begun = new Readable({ read() {} });
  begun.push(Buffer.alloc(3 * MiB));
  begun.push('rest');
  begun.push(null);
  t.is(Buffer.concat(await take(begun)).length, 3 * MiB + 4);
  const broken = new Readable({
    read() {
      this.destroy(new Error('broken'));
    },
  });
  await t.throwsAsync(take(broken), { message: 'broken' });
});
