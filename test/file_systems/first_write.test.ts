// SPDX-License-Identifier: MIT
// The first write to a file whose blocks the copy shares: its surroundings are written or read before the copy has its name, wherever in
// the file that is. Through the union and a mount, against a plain file.
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { mount, Union } from '../../lib/index.ts';
import { kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { canMount } from '../helpers/stage.ts';

const BLOCK = 4096;
const SIZES = [1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 10_000, 20 * BLOCK + 7];
const LENGTHS = [1, 4, 100, BLOCK, BLOCK + 1, 9_000];

interface Write {
  readonly size: number;
  /** Null: at the end, by O_APPEND. */
  readonly at: number | null;
  readonly length: number;
}

const WRITES: Write[] = SIZES.flatMap((size) =>
  LENGTHS.flatMap((length) =>
    [null, 0, 1, BLOCK - 2, BLOCK, size - 1, size, size + 5000].map((at) => ({ size, at, length })),
  ),
);

const nameOf = ({ size, at, length }: Write) => `${size}-${at}-${length}`;
const original = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + 1) % 251));
const written = (length: number) => Buffer.alloc(length, 0xee);

function expected({ size, at, length }: Write): Buffer {
  const begin = at ?? size;
  const content = Buffer.alloc(Math.max(size, begin + length));
  original(size).copy(content);
  written(length).copy(content, begin);
  return content;
}

function writePlainly(path: string, { at, length }: Write): void {
  const fd = openSync(path, at === null ? 'a' : 'r+');
  writeSync(fd, written(length), 0, length, at);
  closeSync(fd);
}

async function writeInUnion(union: Union, write: Write): Promise<void> {
  await using file = await union.open(nameOf(write), write.at === null ? 'a' : 'r+');
  await file.write(written(write.length), 0, write.length, write.at);
}

for (const kind of [kinds.xfs, kinds.btrfs]) {
  const missing = [...missingFor(kind), ...(canMount ? [] : ['/dev/fuse'])];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test : test.skip)(
    `${kind.title}: a first write anywhere in a file leaves the rest of it as it was${note}`,
    async (t) => {
      t.timeout(120_000);
      const root = await newFileSystem(t, kind);
      for (const name of ['ro', 'union', 'mounted', 'mnt']) await mkdir(join(root, name));
      for (const write of WRITES) await writeFile(join(root, 'ro', nameOf(write)), original(write.size));
      const over = (upper: string) => [{ path: join(root, upper), mode: 'rw' as const }, join(root, 'ro')];
      const union = await Union.open({ branches: over('union') });
      for (const write of WRITES) await writeInUnion(union, write);
      await union.close();
      const mounted = await mount(join(root, 'mnt'), { branches: over('mounted') });
      for (const write of WRITES) writePlainly(join(root, 'mnt', nameOf(write)), write);
      await mounted.unmount();
      for (const write of WRITES) {
        for (const upper of ['union', 'mounted']) {
          const content = await readFile(join(root, upper, nameOf(write)));
          if (!content.equals(expected(write))) t.fail(`${upper}: ${nameOf(write)}`);
        }
        t.is((await stat(join(root, 'ro', nameOf(write)))).size, write.size);
        t.deepEqual(await readFile(join(root, 'ro', nameOf(write))), original(write.size));
      }
    },
  );
}
