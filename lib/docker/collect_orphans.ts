// SPDX-License-Identifier: MIT
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, hasCode, native } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { type DockerLayout, isRemoving } from './docker_layout.ts';
import { dataOf, liveData } from './entry_data.ts';
import { namesOf } from './read_entry.ts';
import { dropDriverLayer } from './register_layer.ts';

/** What {@link DockerStore.gc} did. */
export interface DockerGcReport {
  /** Paths of entries whose making or deletion was interrupted, and that are gone now with their data. */
  readonly removed: readonly string[];
  /** Those that are in use: a process is making them, or what they name is mounted or stood on. */
  readonly kept: readonly string[];
}

/** Finishes what was interrupted. The caller holds the lock of the database. */
export async function collectOrphans(layout: DockerLayout, driver: Store): Promise<DockerGcReport> {
  const removed: string[] = [];
  const kept: string[] = [];
  const live = await liveData(layout);
  const removing = (await namesOf(layout.layers)).filter(isRemoving).map((name) => join(layout.layers, name));
  const sets = (await namesOf(layout.transactions)).map((name) => join(layout.transactions, name));
  for (const path of [...removing, ...sets]) {
    const found = await lstat(path).catch(() => undefined);
    // Who made it may have just taken it away; what is no directory nobody makes.
    if (found === undefined) continue;
    if (!found.isDirectory()) {
      await native(binding().removeTree(path));
      removed.push(path);
      continue;
    }
    const lock = await native(binding().flock(path, true)).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
    if (lock === undefined) continue;
    if (lock === null) {
      kept.push(path);
      continue;
    }
    try {
      const done = await removeWithData(path, driver, live);
      (done ? removed : kept).push(path);
    } finally {
      binding().unlock(lock);
    }
  }
  return { removed, kept };
}

/** Says false if its data are in use. */
async function removeWithData(path: string, driver: Store, live: ReadonlySet<string>): Promise<boolean> {
  const names = await dataOf(path);
  try {
    for (const name of names) if (!live.has(name)) await dropDriverLayer(driver, name);
  } catch (error) {
    if (error instanceof AufsError) return false;
    throw error;
  }
  await native(binding().removeTree(path));
  return true;
}
