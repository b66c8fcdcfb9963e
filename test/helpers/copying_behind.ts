// SPDX-License-Identifier: MIT
// Mounts on a file system without reflink, where large lower files are copied behind who changes them.
import { chmod, mkdir, open, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { MountOptions } from '../../lib/mount.ts';
import { kinds, missingFor, newFileSystem } from './file_system.ts';
import { canMount, has, run, Stage } from './stage.ts';

export const MiB = 1024 * 1024;
const missing = [
  ...missingFor(kinds.ext4),
  ...(canMount ? [] : ['/dev/fuse']),
  ...(has('python3') ? [] : ['python3']),
];
export const behind = missing.length === 0 ? test.serial : test.skip;
export const why = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;

interface Setting {
  /** Bytes of the lower file `big`. @default 64 MiB */
  readonly size?: number;
  /** Bytes of the file system. @default 4 times the file */
  readonly room?: number;
  readonly options?: Partial<MountOptions>;
  /** Makes more files before it is mounted. */
  readonly prepare?: (lower: string, root: string) => Promise<void>;
}

/** A mount on an ext4 of its own. @returns it, and the content of its lower file `big`. */
export async function begin(
  t: ExecutionContext,
  { size = 64 * MiB, room = 4 * size, options = {}, prepare = async () => {} }: Setting = {},
): Promise<{ stage: Stage; old: Buffer; upper: string }> {
  t.timeout(120_000);
  const root = await newFileSystem(t, { ...kinds.ext4, size: room });
  const stage = new Stage(root, 1);
  t.teardown(() => stage.unmount());
  const [lower = ''] = stage.lowers;
  for (const path of [stage.target, stage.upper, lower]) await mkdir(path);
  const old = content(size);
  await writeFile(join(lower, 'big'), old, { flush: true });
  await prepare(lower, root);
  await stage.mount(options);
  return { stage, old, upper: join(stage.upper, 'big') };
}

/** Fills the file system that `root` is on. Goes on where it ended when it is called again. */
export async function fillUp(root: string): Promise<void> {
  await using filler = await open(join(root, 'filler'), 'a');
  const some = Buffer.alloc(MiB, 'f');
  for (;;) await filler.write(some);
}

export interface Held {
  readonly stage: Stage;
  readonly upper: string;
  /** Options to mount it again. */
  readonly options: Partial<MountOptions>;
  readonly release: () => void;
}

/**
 * As {@link begin}, with a small `big`, and nothing is copied behind before `release`: first in the row is a lower file that comes from
 * a mount whose server does not answer.
 */
export async function beginHeld(
  t: ExecutionContext,
  prepare?: (lower: string, root: string) => Promise<void>,
): Promise<Held> {
  const { stage, upper } = await begin(t, {
    size: 2 * MiB,
    room: 1024 * MiB,
    ...(prepare === undefined ? {} : { prepare }),
  });
  await stage.unmount();
  const slow = new Stage(join(stage.root, 'slow'), 1);
  const [data = ''] = slow.lowers; // what is in the upper one would be passthrough
  for (const path of [slow.root, slow.target, slow.upper, data]) await mkdir(path);
  await writeFile(join(data, 'held'), Buffer.alloc(256 * MiB, 'held'));
  const server = (await slow.mount()).serverPid as number;
  const row = join(stage.lowers[0] as string, 'row'); // where no program that lists the root looks at it
  const place = join(row, 'held');
  await mkdir(row);
  await writeFile(place, '');
  await run('mount', ['--bind', slow.at('held'), place]);
  const options = { backgroundCopyUp: MiB };
  const release = (): void => void process.kill(server, 'SIGCONT');
  t.teardown(async () => {
    release();
    await stage.unmount();
    await run('umount', [place]);
    await slow.unmount();
  });
  await stage.mount(options);
  await chmod(stage.at('row/held'), 0o600);
  process.kill(server, 'SIGSTOP');
  return { stage, upper, options, release };
}

/** Every block differs from every other. */
function content(size: number): Buffer {
  const bytes = Buffer.alloc(size, 'lower ');
  for (let at = 0; at + 8 <= size; at += 512) bytes.writeDoubleLE(at + 0.5, at);
  return bytes;
}

/** Runs Python in a directory, or in the mount. */
export async function python(where: Stage | string, script: string): Promise<string> {
  const cwd = typeof where === 'string' ? where : where.target;
  return (await run('python3', ['-c', `import os, mmap\n${script}`], { cwd })).stdout;
}

/** @returns milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

/**
 * Removes what was copied up. Its blocks are free when the journal is on disk, and on a file system with room for a few copies only the next
 * one would wait for that, and so for the data of this one.
 */
export async function removeCopy(upper: string): Promise<void> {
  await unlink(upper);
  await run('sync', ['-f', dirname(upper)]);
}
