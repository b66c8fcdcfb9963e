// SPDX-License-Identifier: MIT
import type { BigIntStats } from 'node:fs';
import { posix } from 'node:path';
import type { Change, FileType } from '../binding.ts';
import { AufsError, hasCode } from '../errors.ts';
import { Union } from '../union.ts';
import type { Layer } from './layer.ts';

/**
 * What a layer and those between it and `ancestor` change of that one, sorted by path. Looks only at what these
 * layers touch, in the union of each end.
 *
 * @param parents - All parents of the layer, nearest first.
 * @throws {AufsError} `ERR_PARENT_NOT_FOUND` if `ancestor` is none of them.
 */
export async function changesSince(
  layer: Layer,
  parents: readonly Layer[],
  ancestor: string,
): Promise<Change[]> {
  const at = parents.findIndex(({ id }) => id === ancestor);
  const older = parents[at];
  if (older === undefined) {
    throw new AufsError('ERR_PARENT_NOT_FOUND', `layer ${layer.id} does not stand on ${ancestor}`, {
      hint: 'name one of its parents (node-aufs inspect)',
      id: ancestor,
    });
  }
  const touched = new Map<string, Change>();
  // Nearest last, so that its word on type and size counts.
  for (const one of [layer, ...parents.slice(0, at)].reverse()) {
    for (const change of await one.changes()) touched.set(change.path, change);
  }
  await using before = await Union.open({ branches: older.branches(true) });
  await using after = await Union.open({ branches: layer.branches(true) });
  const changes = new Map<string, Change>();
  for (const change of touched.values()) {
    for (const found of await compare(before, after, change)) changes.set(found.path, found);
  }
  for (const path of [...changes.keys()]) addParent(changes, touched, path);
  return [...changes.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/** A directory in which something changed has changed. */
function addParent(changes: Map<string, Change>, touched: ReadonlyMap<string, Change>, path: string): void {
  const parent = posix.dirname(path);
  const change = touched.get(parent);
  if (change !== undefined && !changes.has(parent)) changes.set(parent, { ...change, kind: 'C' });
}

async function compare(before: Union, after: Union, change: Change): Promise<Change[]> {
  const { path } = change;
  const [old, now] = await Promise.all([look(before, path), look(after, path)]);
  if (old === undefined) return now === undefined ? [] : [{ ...change, kind: 'A' }];
  if (now === undefined) {
    // What lies in a directory that is gone, too, is not told one by one.
    const parent = await look(after, posix.dirname(path));
    return parent?.isDirectory() === true ? [{ kind: 'D', path, type: typeOf(old), size: 0 }] : [];
  }
  if (!old.isDirectory() || !now.isDirectory()) return [{ ...change, kind: 'C' }];
  const gone = await goneNames(before, after, path);
  return sameAttributes(old, now) ? gone : [{ ...change, kind: 'C' }, ...gone];
}

function sameAttributes(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeNs === b.mtimeNs;
}

/** What a directory that was made anew does not have any more. */
async function goneNames(before: Union, after: Union, path: string): Promise<Change[]> {
  const names = new Set(await after.readdir(path));
  const gone = (await before.readdir(path)).filter((name) => !names.has(name));
  return Promise.all(
    gone.map(async (name): Promise<Change> => {
      const child = posix.join(path, name);
      return { kind: 'D', path: child, type: typeOf(await before.lstat(child, { bigint: true })), size: 0 };
    }),
  );
}

async function look(union: Union, path: string): Promise<BigIntStats | undefined> {
  try {
    return await union.lstat(path, { bigint: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function typeOf(found: BigIntStats): FileType {
  if (found.isDirectory()) return 'directory';
  if (found.isSymbolicLink()) return 'symlink';
  if (found.isFIFO()) return 'fifo';
  if (found.isSocket()) return 'socket';
  if (found.isCharacterDevice()) return 'char';
  return found.isBlockDevice() ? 'block' : 'file';
}
