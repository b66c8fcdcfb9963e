// SPDX-License-Identifier: MIT
import { type MountEntry, mountAt, readMounts } from '../mount/mountinfo.ts';
import type { Layout } from './layout.ts';

/** What is mounted at `mnt/ID`, by whatever process. */
export async function layerMount(layout: Layout, id: string): Promise<MountEntry | undefined> {
  return mountAt(await readMounts(), layout.mountpoint(id));
}

export async function isWritableMount(layout: Layout, id: string): Promise<boolean> {
  const mount = await layerMount(layout, id);
  return mount !== undefined && !mount.options.includes('ro') && !mount.superOptions.includes('ro');
}
