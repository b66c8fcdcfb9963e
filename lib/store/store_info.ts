// SPDX-License-Identifier: MIT
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import { mountContaining, readMounts } from '../mount/mountinfo.ts';
import { isWithin } from '../mount/resolve_target.ts';
import type { Layout } from './layout.ts';

/** What Docker's `info` says of its aufs driver, in the same words, and more. */
export interface StoreInfo {
  readonly storageDriver: 'aufs';
  readonly rootDir: string;
  /** Docker's word for the file system that holds the store: `extfs`, `xfs`, `btrfs`, `tmpfs` … */
  readonly backingFilesystem: string;
  /** Number of layers. */
  readonly dirs: number;
  /** The upper file's permissions alone decide, not those of the file that it hides. Always so here. */
  readonly dirperm1Supported: true;
  /** Number of layers mounted now. */
  readonly mounted: number;
  /** The device or other source of the backing file system. */
  readonly backingSource: string;
}

const DOCKER_NAMES: Readonly<Record<string, string>> = {
  ext2: 'extfs',
  ext3: 'extfs',
  ext4: 'extfs',
  overlay: 'overlayfs',
};

export async function describeStore(layout: Layout, dirs: number): Promise<StoreInfo> {
  const type = await native(binding().fsTypeName(layout.diffs));
  const mounts = await readMounts();
  return {
    storageDriver: 'aufs',
    rootDir: layout.root,
    backingFilesystem: DOCKER_NAMES[type] ?? type,
    dirs,
    dirperm1Supported: true,
    mounted: mounts.filter((mount) => isWithin(mount.target, layout.mountpoints)).length,
    backingSource: mountContaining(mounts, layout.diffs)?.source ?? '',
  };
}
