// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { basename, join } from 'node:path';
import { runTool } from './contenders/foreign_mount.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** A directory on the file system to test. */
export interface Backing {
  readonly name: string;
  readonly directory: string;
  /** What it is made of, for the record. */
  readonly description: string;
  /** Name of its block device, if it is used by nobody else: `loop0`. */
  readonly device: string | undefined;
  close(): Promise<void>;
}

const MAKERS: Readonly<Record<string, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=1'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
};

/** `here` is a directory of the file system that the workspace is on, and needs no root. */
export const backingNames: readonly string[] = [...Object.keys(MAKERS), 'here'];

/** Sizes that fit this machine: a big file of 1 GiB needs seven times that in memory (twice over) or on disk. */
export function planSizes(quick: boolean, freeDisk: number): { bigFile: number; image: number } {
  if (quick) return { bigFile: 32 * MiB, image: 512 * MiB };
  const roomy = freemem() >= 15 * GiB || freeDisk >= 8 * GiB;
  return roomy ? { bigFile: GiB, image: 7 * GiB } : { bigFile: 256 * MiB, image: 1.5 * GiB };
}

/**
 * Makes a backing in `workspace`. A loop image lies in memory where there is enough of it, which takes the disk's noise out of
 * the numbers and makes a sync cheaper than on a disk.
 *
 * @throws Error whose message says what is missing.
 */
export async function openBacking(kind: string, workspace: string, size: number): Promise<Backing> {
  if (kind === 'here') return plainDirectory(workspace);
  const maker = MAKERS[kind];
  if (maker === undefined) throw new RangeError(`no backing is called '${kind}'`);
  if (process.getuid?.() !== 0) throw new Error('a loop image needs root');
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const store = join(workspace, 'image');
    mkdirSync(store);
    undo.push(async () => rmSync(store, { recursive: true, force: true }));
    const inMemory = freemem() >= size * 2;
    if (inMemory) {
      await runTool('mount', ['-t', 'tmpfs', '-o', `size=${size + 64 * MiB}`, 'tmpfs', store]);
      undo.push(() => runTool('umount', [store]));
    }
    const image = join(store, 'image');
    writeFileSync(image, '');
    truncateSync(image, size);
    const [program = '', ...args] = maker;
    await runTool(program, [...args, image]);
    const directory = join(workspace, kind);
    mkdirSync(directory, { recursive: true });
    // mount(8) sets the loop device up so that it goes away with the mount.
    await runTool('mount', ['-t', kind, '-o', 'loop,noatime', image, directory]);
    undo.push(() => runTool('umount', [directory]));
    const device = (await runTool('findmnt', ['-n', '-o', 'SOURCE', directory])).trim();
    const direct = await useDirectIo(device);
    const where = `loop image of ${size / MiB} MiB ${inMemory ? 'in memory' : 'on the disk of the workspace'}`;
    const version = (await toolVersion(program)) ?? 'unknown';
    const description = `${where}${direct ? ', direct I/O' : ''}, ${maker.join(' ')}, noatime; ${version}`;
    return { name: kind, directory, description, device: basename(device), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function plainDirectory(workspace: string): Promise<Backing> {
  const directory = join(workspace, 'here');
  mkdirSync(directory, { recursive: true });
  const type = (await runTool('stat', ['-f', '-c', '%T', directory])).trim();
  return {
    name: `here (${type})`,
    directory,
    description: `${type} of the workspace`,
    device: undefined,
    close: async () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Without it the data would be cached twice and the image's own write-back would disturb later rounds. */
async function useDirectIo(device: string): Promise<boolean> {
  try {
    await runTool('losetup', ['--direct-io=on', device]);
    return true;
  } catch {
    return false;
  }
}

async function toolVersion(program: string): Promise<string | undefined> {
  // mkfs.ext4 says it on stderr.
  const text = await runTool('sh', ['-c', `${program} -V 2>&1`]).catch(() => undefined);
  return text?.trim().split('\n')[0];
}

/** Whether a loop device can be had at all; without /dev/loop-control only a directory is left. */
export function canUseLoop(): boolean {
  return process.getuid?.() === 0 && existsSync('/dev/loop-control');
}
