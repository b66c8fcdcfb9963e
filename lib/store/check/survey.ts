// SPDX-License-Identifier: MIT
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../errors.ts';
import { isDead } from '../../mount/dead_mount.ts';
import { readMounts } from '../../mount/mountinfo.ts';
import { listServers } from '../../mount/running_servers.ts';
import { Holders, holdersLock } from '../holders.ts';
import { isLayerId } from '../layer_id.ts';
import { namedLock } from '../layer_lock.ts';
import { isInUse } from '../layer_users.ts';
import { type Layout, REMOVING } from '../layout.ts';
import { readTextFile, UnfitFile } from '../regular_file.ts';

/** Everything in a store but the content of its layers, as it is at one time. Looking changes nothing. */
export interface Survey {
  readonly layout: Layout;
  /** Text of `layers/ID`. */
  readonly chains: ReadonlyMap<string, string>;
  /** Text of `.node-aufs/layers/ID.json`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Size of `.node-aufs/layers/ID.tar-split.json.gz`. */
  readonly records: ReadonlyMap<string, number>;
  /** Chain indexes. */
  readonly indexes: ReadonlySet<string>;
  readonly diffs: ReadonlySet<string>;
  readonly mountpoints: ReadonlySet<string>;
  readonly stages: ReadonlySet<string>;
  readonly locks: ReadonlySet<string>;
  /** Files about who uses a layer in which no living process is. */
  readonly unheld: ReadonlySet<string>;
  /** Files about who uses a layer that cannot be understood. */
  readonly damagedHolders: ReadonlySet<string>;
  /** Mountpoints of no layer that hold nothing. */
  readonly emptyMountpoints: ReadonlySet<string>;
  /** `diff/ID-removing` and `mnt/ID-removing` that no union uses any more. */
  readonly removing: readonly Named[];
  /** Files that were being written. */
  readonly temporaries: readonly Named[];
  /** Names that nothing of ours or Docker's has. */
  readonly strangers: readonly string[];
  /** Mounts directly below `mnt/`. */
  readonly mounts: ReadonlyMap<string, 'alive' | 'dead'>;
}

/** A path that tells which layer it is about. */
export interface Named {
  readonly id: string;
  readonly path: string;
  /** Name of the lock that is held while it is being worked on. @default `id` */
  readonly lock?: string | undefined;
}

/** What a folder holds, sorted by what the names say. */
interface Folder {
  readonly ids: Set<string>;
  readonly removing: Named[];
  readonly temporaries: Named[];
  readonly records: string[];
  readonly strangers: string[];
}

export async function survey(layout: Layout): Promise<Survey> {
  const diffs = await look(layout.diffs, 'directory');
  const mountpoints = await look(layout.mountpoints, 'directory');
  const chains = await look(layout.chains, 'file');
  const metadata = await look(layout.metadata, 'metadata');
  const indexes = await look(layout.indexes, 'file');
  const stages = await look(layout.staging, 'directory');
  const locks = await look(layout.locks, 'file');
  const holders = await lookAtHolders(layout);
  const mounts = await mountsBelow(layout);
  const texts = await readAll(chains.ids, (id) => readOrNothing(layout.chain(id)));
  const orphans = [...mountpoints.ids].filter((id) => !texts.has(id) && !mounts.has(id));
  const entries = await readAll(orphans, (id) => readdir(layout.mountpoint(id)));
  const folders = [diffs, mountpoints, chains, metadata, indexes, stages, locks, holders];
  return {
    layout,
    chains: texts,
    metadata: await readAll(metadata.ids, (id) => readOrNothing(layout.metadataFile(id))),
    records: await readAll(metadata.records, async (id) => (await stat(layout.recordFile(id))).size),
    indexes: indexes.ids,
    diffs: diffs.ids,
    mountpoints: mountpoints.ids,
    stages: stages.ids,
    locks: locks.ids,
    unheld: holders.ids,
    damagedHolders: holders.damaged,
    emptyMountpoints: new Set([...entries].filter(([, names]) => names.length === 0).map(([id]) => id)),
    removing: await unused(
      layout,
      folders.flatMap((folder) => folder.removing),
    ),
    temporaries: folders.flatMap((folder) => folder.temporaries),
    strangers: folders.flatMap((folder) => folder.strangers),
    mounts,
  };
}

async function look(path: string, holds: 'directory' | 'file' | 'metadata'): Promise<Folder> {
  const folder: Folder = { ids: new Set(), removing: [], temporaries: [], records: [], strangers: [] };
  for (const entry of await list(path)) sort(folder, path, entry, holds);
  return folder;
}

/** Without those that a living process has its name in, or may have. */
async function lookAtHolders(layout: Layout): Promise<Folder & { readonly damaged: Set<string> }> {
  const { ids, temporaries, ...folder } = await look(layout.holders, 'file');
  const holders = new Holders(layout);
  const unheld = new Set<string>();
  const damaged = new Set<string>();
  for (const id of ids) {
    try {
      if (!(await holders.isHeld(id))) unheld.add(id);
    } catch (error) {
      if (!hasCode(error, 'ERR_CORRUPT_LAYER')) throw error;
      damaged.add(id);
    }
  }
  const locked = temporaries.map((named) => ({ ...named, lock: namedLock(holdersLock(named.id)) }));
  return { ...folder, ids: unheld, temporaries: locked, damaged };
}

function sort(folder: Folder, parent: string, entry: Dirent, holds: 'directory' | 'file' | 'metadata'): void {
  const { name } = entry;
  const path = join(parent, name);
  const fits = holds === 'directory' ? entry.isDirectory() : entry.isFile();
  const temporary = /^\.([0-9a-f]{64}(?:-init)?)(?:\.json)?\.[0-9a-f]{12}$/.exec(name)?.[1];
  if (!fits) folder.strangers.push(path);
  else if (holds !== 'metadata' && isLayerId(name)) folder.ids.add(name);
  else if (holds === 'metadata' && isLayerId(stem(name, '.json'))) folder.ids.add(stem(name, '.json'));
  else if (holds === 'metadata' && isLayerId(stem(name, '.tar-split.json.gz')))
    folder.records.push(stem(name, '.tar-split.json.gz'));
  else if (holds === 'directory' && isLayerId(stem(name, REMOVING)))
    folder.removing.push({ id: stem(name, REMOVING), path });
  else if (holds !== 'directory' && temporary !== undefined) folder.temporaries.push({ id: temporary, path });
  else folder.strangers.push(path);
}

/** A mount that is out of sight goes on with the data of a layer that was removed. */
async function unused(layout: Layout, removing: readonly Named[]): Promise<Named[]> {
  const found: Named[] = [];
  for (const named of removing) {
    const used = await isInUse(layout, named.path, named.id).catch((error: unknown) => {
      // Somebody else's, or closed: it is told of.
      if (!hasCode(error, 'EACCES')) throw error;
      return false;
    });
    if (!used) found.push(named);
  }
  return found;
}

/** The name without its end; empty if it has another. */
function stem(name: string, end: string): string {
  return name.endsWith(end) ? name.slice(0, -end.length) : '';
}

/** Nothing where there is no such folder: a store that Docker made has none of ours. */
async function list(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** The text of a file; of one that is too large something that no such file holds, so that it counts as damaged. */
async function readOrNothing(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    if (!(error instanceof UnfitFile)) throw error;
    return '\0';
  }
}

/** What is gone by the time it is read is left out. */
async function readAll<T>(ids: Iterable<string>, read: (id: string) => Promise<T>): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const id of ids) {
    try {
      found.set(id, await read(id));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
  return found;
}

async function mountsBelow({ mountpoints }: Layout): Promise<Map<string, 'alive' | 'dead'>> {
  const found = new Map<string, 'alive' | 'dead'>();
  const here = (await readMounts()).filter(({ target }) => target.startsWith(`${mountpoints}/`));
  if (here.length === 0) return found;
  const running = await listServers();
  for (const mount of here) {
    const id = mount.target.slice(mountpoints.length + 1);
    if (isLayerId(id)) found.set(id, (await isDead(mount, running)) ? 'dead' : 'alive');
  }
  return found;
}
