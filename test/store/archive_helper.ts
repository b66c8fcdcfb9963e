// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { DiffId, Store } from '../../lib/store/index.ts';
import { run } from '../helpers/stage.ts';
import { temporaryDirectory } from './store_helper.ts';

const PROGRAM = fileURLToPath(new URL('archive_tree.py', import.meta.url));
const MOST = { maxBuffer: 64 * 2 ** 20 };

/** What {@link facts} leaves out, where an archive cannot keep it. */
export type Without = 'xattrs' | 'nanoseconds' | 'links';

/** A directory with everything that an archive can hold; `plain`: that every tar format can hold. */
export async function fullTree(t: ExecutionContext, kind: 'full' | 'plain' = 'full'): Promise<string> {
  const tree = join(await temporaryDirectory(t), 'tree');
  await mkdir(tree);
  await run('python3', [PROGRAM, 'make', tree, kind]);
  return tree;
}

/** Everything below a directory, a line for each entry. */
export async function facts(directory: string, ...without: Without[]): Promise<string[]> {
  const { stdout } = await run('python3', [PROGRAM, 'facts', directory, ...without], MOST);
  return stdout.split('\n');
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export function sha256(bytes: Uint8Array): DiffId {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as DiffId;
}

/** Bytes in pieces of one size. */
export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A file of an archive, made by hand: names and links that no tar would write. */
export interface Member {
  readonly name: string;
  readonly type?: string;
  readonly link?: string;
  readonly data?: string | Uint8Array;
  readonly mode?: number;
}

/** An archive of these, ustar, with the mark that ends it unless `end` is false. */
export function tar(members: readonly Member[], { end = true } = {}): Buffer {
  const blocks = members.flatMap(
    ({ name, type = '0', link = '', data = '', mode = type === '5' ? 0o755 : 0o644 }) => {
      const content = Buffer.from(data);
      const header = Buffer.alloc(512);
      const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
      header.write(name, 0, 100);
      header.write(
        octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(1e9, 12),
        100,
      );
      header.write(`        ${type}`, 148);
      header.write(link, 157, 100);
      header.write('ustar\x0000', 257, 'latin1');
      header.write(
        octal(
          header.reduce((sum, byte) => sum + byte),
          7,
        ),
        148,
      );
      return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
    },
  );
  return Buffer.concat([...blocks, ...(end ? [Buffer.alloc(1024)] : [])]);
}

/** What a store has on disk, by names: for "as it was before". */
export async function namesIn(store: Store): Promise<string[]> {
  const names = await readdir(store.root, { recursive: true });
  // The files that locks are taken on stay until a store is opened.
  return names.filter((name) => !name.startsWith('.node-aufs/lock')).sort();
}
