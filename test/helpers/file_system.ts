// SPDX-License-Identifier: MIT
// Small file systems for branches to lie on.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { temporaryDirectory } from '../store/store_helper.ts';
import { has, isRoot, run } from './stage.ts';

const MiB = 1024 * 1024;

/** How a file system is made and mounted. */
export interface FileSystemKind {
  readonly title: string;
  /** As mount(8) calls it. */
  readonly type: string;
  /** Makes it in an image, whose path is appended. Without it there is no image, as for tmpfs. */
  readonly mkfs?: readonly string[];
  readonly options?: readonly string[];
  /** Of the image, which is sparse. @default 320 MiB, the least that mkfs.xfs takes being 300 */
  readonly size?: number;
  /** A program that serves it where the kernel does not know the type. */
  readonly server?: string;
}

const ext4 = ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', '-m', '0'] as const;

export const kinds = {
  ext4: { title: 'ext4', type: 'ext4', mkfs: ext4 },
  xfs: { title: 'XFS', type: 'xfs', mkfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=1'] },
  btrfs: { title: 'Btrfs', type: 'btrfs', mkfs: ['mkfs.btrfs', '-q', '-f'] },
  tmpfs: { title: 'tmpfs', type: 'tmpfs', options: ['size=256m'] },
  /** No extended attributes but ACLs. */
  ramfs: { title: 'ramfs', type: 'ramfs', options: ['mode=0755'] },
  ext4NoTypes: { title: 'ext4 without d_type', type: 'ext4', mkfs: [...ext4, '-O', '^filetype'] },
  /** No owners, modes, links, symlinks, fifos, attributes; names in any case. */
  vfat: { title: 'vfat', type: 'vfat', mkfs: ['mkfs.vfat'] },
  /** As vfat, and through FUSE: neither O_TMPFILE nor flags of renameat2(2). */
  exfat: { title: 'exFAT', type: 'exfat', mkfs: ['mkfs.exfat'], server: 'mount.exfat-fuse' },
} as const satisfies Readonly<Record<string, FileSystemKind>>;

function known(type: string): boolean {
  return new RegExp(`\\t${type}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));
}

/** What is missing here to have it; empty if nothing is. */
export function missingFor(kind: FileSystemKind): string[] {
  const [maker] = kind.mkfs ?? [];
  const server = kind.server !== undefined && has(kind.server);
  return [
    ...(isRoot ? [] : ['root']),
    ...(maker === undefined || has(maker) ? [] : [maker]),
    ...(maker === undefined || existsSync('/dev/loop-control') ? [] : ['/dev/loop-control']),
    ...(known(kind.type) || server ? [] : [`a kernel with ${kind.type}`]),
  ];
}

/** @returns the root of a new file system, which goes away with the test, and everything mounted in it before it. */
export async function newFileSystem(t: ExecutionContext, kind: FileSystemKind): Promise<string> {
  const base = await temporaryDirectory(t);
  const root = join(base, 'fs');
  await mountNew(kind, root);
  return root;
}

/** Puts a new file system on the directory `root`, which is made if need be. It goes away with the test's directory that it is in. */
export async function mountNew(kind: FileSystemKind, root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  await mountImage(kind, `${root}.image`, root);
  if (existsSync(join(root, 'lost+found'))) await rm(join(root, 'lost+found'), { recursive: true });
}

async function mountImage(kind: FileSystemKind, image: string, root: string): Promise<void> {
  const options = kind.options ?? [];
  if (kind.mkfs === undefined) {
    await run('mount', ['-t', kind.type, ...option(options), 'aufs-test', root]);
    return;
  }
  await writeFile(image, '');
  await truncate(image, kind.size ?? 320 * MiB);
  const [program = '', ...args] = kind.mkfs;
  await run(program, [...args, image]);
  if (known(kind.type)) await run('mount', ['-t', kind.type, ...option(['loop', ...options]), image, root]);
  else await serve(kind.server as string, image, root);
}

/** Detached while it is in use, the loop device goes away with the server. */
async function serve(server: string, image: string, root: string): Promise<void> {
  const { stdout } = await run('losetup', ['--find', '--show', image]);
  const device = stdout.trim();
  try {
    await run(server, [device, root]);
  } finally {
    await run('losetup', ['--detach', device]);
  }
}

function option(words: readonly string[]): string[] {
  return words.length === 0 ? [] : ['-o', words.join(',')];
}
