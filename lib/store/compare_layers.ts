// SPDX-License-Identifier: MIT
import type { BigIntStats } from 'node:fs';
import type { Change, FileType } from '../binding.ts';
import { Union } from '../union.ts';
import type { Layer } from './layer.ts';
import { sameFile } from './same_file.ts';
import { bytes, dirname, join, UnionView } from './union_view.ts';

/**
 * What makes the tree that `older` shows the one that `layer` shows, sorted by path. Either can stand on the other or on
 * nothing of the other's: looked at is only what the layers touch that are not below both.
 *
 * @param find - A layer of the store by its id.
 */
export async function compareLayers(
  layer: Layer,
  older: Layer,
  find: (id: string) => Promise<Layer>,
): Promise<Change[]> {
  await using before = await Union.open({ branches: older.branches(true) });
  await using after = await Union.open({ branches: layer.branches(true) });
  const comparison = new Comparison(new UnionView(before), new UnionView(after));
  for (const path of await touchedPaths(layer, older, find)) await comparison.look(path);
  await comparison.addParents();
  return comparison.changes();
}

/** Everything that a layer shows, as additions. */
export async function wholeTree(layer: Layer): Promise<Change[]> {
  await using after = await Union.open({ branches: layer.branches(true) });
  const comparison = new Comparison(undefined, new UnionView(after));
  await comparison.lookBelow('/');
  return comparison.changes();
}

/** The path of a change as bytes, one a character. */
export function bytePath({ path, pathBytes }: Change): string {
  return (pathBytes ?? Buffer.from(path)).toString('latin1');
}

async function touchedPaths(
  layer: Layer,
  older: Layer,
  find: (id: string) => Promise<Layer>,
): Promise<string[]> {
  const own = [layer.id, ...layer.parents];
  const others = [older.id, ...older.parents];
  const touched = new Set<string>();
  const between = [...own.filter((id) => !others.includes(id)), ...others.filter((id) => !own.includes(id))];
  for (const id of between) {
    for (const change of await (await find(id)).changes()) touched.add(bytePath(change));
  }
  return [...touched].sort();
}

/** Paths in here are bytes, one a character, absolute. */
class Comparison {
  readonly #before: UnionView | undefined;
  readonly #after: UnionView;
  readonly #changes = new Map<string, Change>();
  readonly #seen = new Set<string>();

  constructor(before: UnionView | undefined, after: UnionView) {
    this.#before = before;
    this.#after = after;
  }

  changes(): Change[] {
    return [...this.#changes.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change);
  }

  /** Looks at one path; if it is a directory that is new, or that may have been made anew, at what is in it too. */
  async look(path: string): Promise<void> {
    if (this.#seen.has(path)) return;
    this.#seen.add(path);
    const [old, now] = await Promise.all([this.#before?.find(path), this.#after.find(path)]);
    if (now === undefined) {
      // What lies in a directory that is gone, too, is not told one by one.
      if (old !== undefined && (await this.#inDirectory(path))) this.#add('D', path, old);
      return;
    }
    const wasDirectory = old?.isDirectory() === true;
    if (old === undefined) this.#add('A', path, now);
    else if (now.isDirectory() && wasDirectory) {
      if (!sameDirectory(old, now)) this.#add('C', path, now);
      for (const name of (await this.#before?.names(path)) ?? []) await this.#lookIfOnlyOne(join(path, name));
    } else if (!(await this.#same(path, old, now))) this.#add('C', path, now);
    if (now.isDirectory()) await this.lookBelow(path, wasDirectory);
  }

  /** Looks at what is in a directory; `known`: only at what was not there before. */
  async lookBelow(path: string, known = false): Promise<void> {
    for (const name of await this.#after.names(path)) {
      if (known) await this.#lookIfOnlyOne(join(path, name));
      else await this.look(join(path, name));
    }
  }

  /** A directory in which something came or went has changed. */
  async addParents(): Promise<void> {
    for (const [path, { kind }] of [...this.#changes]) {
      const parent = dirname(path);
      if (kind === 'C' || parent === '/' || this.#changes.has(parent)) continue;
      const now = await this.#after.find(parent);
      if (now !== undefined) this.#add('C', parent, now);
    }
  }

  /** What both have is among the paths that were touched, or the same. */
  async #lookIfOnlyOne(path: string): Promise<void> {
    const [old, now] = await Promise.all([this.#before?.find(path), this.#after.find(path)]);
    if ((old === undefined) !== (now === undefined)) await this.look(path);
  }

  async #inDirectory(path: string): Promise<boolean> {
    return (await this.#after.find(dirname(path)))?.isDirectory() === true;
  }

  async #same(path: string, old: BigIntStats, now: BigIntStats): Promise<boolean> {
    return (
      this.#before !== undefined && sameFile(this.#before.union, this.#after.union, bytes(path), old, now)
    );
  }

  #add(kind: Change['kind'], path: string, stats: BigIntStats): void {
    const pathBytes = bytes(path);
    const text = pathBytes.toString();
    this.#changes.set(path, {
      kind,
      path: text,
      type: typeOf(stats),
      size: kind !== 'D' && stats.isFile() ? Number(stats.size) : 0,
      ...(Buffer.from(text).equals(pathBytes) ? {} : { pathBytes }),
    });
  }
}

function sameDirectory(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeNs === b.mtimeNs;
}

function typeOf(stats: BigIntStats): FileType {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  if (stats.isCharacterDevice()) return 'char';
  return stats.isBlockDevice() ? 'block' : 'file';
}
