// SPDX-License-Identifier: MIT
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { binding } from '../binding.ts';
import { hasCode, native } from '../errors.ts';
import { isLayerId } from '../store/layer_id.ts';
import type { Store } from '../store/store.ts';
import { type DockerLayout, isRemoving } from './docker_layout.ts';
import { namesOf, readSmallFile } from './read_entry.ts';
import { dropDriverLayer } from './register_layer.ts';

/** A container's own layer comes before the one that it stands on. */
const NAMES_OF_DATA = ['cache-id', 'mount-id', 'init-id'];

/** Why {@link dropDriverLayer} refuses: nothing was changed then. */
const REFUSALS = ['ERR_LAYER_HAS_CHILDREN', 'ERR_LAYER_MOUNTED', 'ERR_BRANCH_BUSY'];

/** Names in `aufs/` that the entry in the directory `path` has, in the order in which they can go. */
export async function dataOf(path: string): Promise<string[]> {
  const names: string[] = [];
  for (const file of NAMES_OF_DATA) {
    const text = (await readSmallFile(join(path, file)).catch(() => '')).trim();
    if (isLayerId(text)) names.push(text);
  }
  return names;
}

/** Names in `aufs/` of everything that has an entry, be it damaged; what is on its way in or out aside. */
export async function liveData(layout: DockerLayout): Promise<ReadonlySet<string>> {
  const live = new Set<string>();
  for (const folder of [layout.layers, layout.mounts]) {
    for (const name of await namesOf(folder)) {
      if (folder === layout.layers && isRemoving(name)) continue;
      for (const each of await dataOf(join(folder, name))) live.add(each);
    }
  }
  return live;
}

/**
 * Takes an entry out of the database: from `place` to `aside`, where an interruption leaves it to be collected; then its data go, except
 * those in `live`, then the entry. The caller holds the lock of the database.
 *
 * @param live - Names of data that other entries have; asked for when the entry is aside.
 * @throws {AufsError} why the data cannot go; the entry is in its place then.
 */
export async function removeEntry(
  driver: Store,
  place: string,
  aside: string,
  live: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
  await move(place, aside);
  let untouched = true;
  try {
    const spared = await live();
    for (const name of await dataOf(aside)) {
      if (spared.has(name)) continue;
      await dropDriverLayer(driver, name);
      untouched = false;
    }
  } catch (error) {
    if (untouched && REFUSALS.some((code) => hasCode(error, code))) await move(aside, place);
    throw error;
  }
  await native(binding().removeTree(aside));
}

/** On disk before anything that rests on it. */
async function move(from: string, to: string): Promise<void> {
  await rename(from, to);
  for (const folder of new Set([dirname(from), dirname(to)])) await native(binding().fsyncPath(folder));
}
