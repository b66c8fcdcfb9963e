// SPDX-License-Identifier: MIT
import { lstat, mkdir, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Union } from '../../lib/union.ts';
import { applyLayer } from './apply_layer.ts';
import { DirectoryPlace, type Place, UnionPlace } from './place.ts';
import { canMount, has, isRoot, run, type Stage } from './stage.ts';

/** Something that shows a stack of branches as one tree. */
export interface Engine {
  readonly name: 'mount' | 'union' | 'overlayfs' | 'plain';
  /** Why it cannot be had here, if so. */
  readonly missing: string | undefined;
  /** What it changes is in the topmost branch afterwards. */
  readonly stores: boolean;
  /** The branches are put into its own form on disk, and back again. */
  readonly converts: boolean;
  /** Shows the branches of `stage` while `body` runs. */
  show(stage: Stage, body: (place: Place) => Promise<void>): Promise<void>;
}

const mount: Engine = {
  name: 'mount',
  missing: canMount ? undefined : 'needs /dev/fuse',
  stores: true,
  converts: false,
  async show(stage, body) {
    await stage.mount();
    await body(new DirectoryPlace(stage.target));
    await stage.unmount();
  },
};

const union: Engine = {
  name: 'union',
  missing: undefined,
  stores: true,
  converts: false,
  async show(stage, body) {
    await using opened = await Union.open({ branches: stage.branches });
    await body(new UnionPlace(opened));
  },
};

/** The kernel's own union, to check our reading of the rules. Its form on disk is put in place of AUFS's and back again. */
const overlayfs: Engine = {
  name: 'overlayfs',
  missing: isRoot && has('setfattr') ? undefined : 'needs root and setfattr',
  stores: true,
  converts: true,
  async show(stage, body) {
    for (const branch of stage.branches) await toOverlay(branch);
    const work = join(stage.root, 'work');
    await mkdir(work, { recursive: true });
    const options = `lowerdir=${stage.lowers.join(':')},upperdir=${stage.upper},workdir=${work}`;
    await run('mount', ['-t', 'overlay', '-o', options, 'overlay', stage.target]);
    try {
      await body(new DirectoryPlace(stage.target));
    } finally {
      await run('umount', ['-l', stage.target]);
    }
    for (const branch of stage.branches) await fromOverlay(branch);
  },
};

/** No union at all: a directory that holds what the branches mean. What a rule says of it, it says of any file system. */
const plain: Engine = {
  name: 'plain',
  missing: undefined,
  stores: false,
  converts: false,
  async show(stage, body) {
    const directory = join(stage.root, 'plain');
    await mkdir(directory);
    for (const branch of stage.branches.toReversed()) applyLayer(branch, directory);
    await body(new DirectoryPlace(directory));
  },
};

/** All of them, ours first. */
export const engines: readonly Engine[] = [mount, union, overlayfs, plain];

async function toOverlay(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await toOverlay(path);
    else if (entry.name === '.wh..wh..opq') {
      await unlink(path);
      await run('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', directory]);
    } else if (entry.name.startsWith('.wh.')) {
      await unlink(path);
      await run('mknod', [join(directory, entry.name.slice(4)), 'c', '0', '0']);
    }
  }
}

async function fromOverlay(directory: string): Promise<void> {
  const { stdout } = await run('getfattr', ['--absolute-names', '-d', '-m', 'trusted.overlay', directory]);
  if (stdout.includes('trusted.overlay.opaque="y"')) await writeFile(join(directory, '.wh..wh..opq'), '');
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await fromOverlay(path);
    else if (entry.isCharacterDevice() && (await lstat(path)).rdev === 0) {
      await rm(path);
      await writeFile(join(directory, `.wh.${entry.name}`), '');
    }
  }
}
