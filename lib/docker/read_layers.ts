// SPDX-License-Identifier: MIT
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../errors.ts';
import { type ChainId, chainId, type DiffId, parseChainId, parseDiffId } from '../store/content_id.ts';
import { isDigest } from '../store/digest.ts';
import { isLayerId } from '../store/layer_id.ts';
import type { DockerFinding, DockerFindingKind } from './docker_finding.ts';
import { type DockerLayout, isDigits, isRemoving } from './docker_layout.ts';
import { EntryProblem, namesOf, needValue, readValue } from './read_entry.ts';

/** An entry of `layerdb/sha256/`. */
export interface LayerEntry {
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  /** Name of its directory in `aufs/diff/`: random, not the chain id. */
  readonly cacheId: string;
  readonly parent: ChainId | undefined;
  /** Docker's DiffSize of this layer alone, in bytes. */
  readonly size: number;
  readonly path: string;
}

/** What `layerdb/sha256/` holds. */
export interface LayerEntries {
  /** Those that can be used: whole, and so is everything below them. */
  readonly usable: ReadonlyMap<ChainId, LayerEntry>;
  /** Why the others cannot, and names that mean nothing. */
  readonly findings: readonly DockerFinding[];
  /** Names of layers that are being deleted. */
  readonly removing: readonly string[];
}

/** Reads the database as tolerantly as Docker: an entry that is damaged, or stands on such a one, is left out and told of. */
export async function readLayers(layout: DockerLayout): Promise<LayerEntries> {
  const entries = new Map<ChainId, LayerEntry>();
  const findings: DockerFinding[] = [];
  const names = await namesOf(layout.layers);
  for (const name of names) {
    const path = join(layout.layers, name);
    if (isRemoving(name)) continue;
    if (!isDigits(name)) {
      findings.push({ kind: 'unknown-name', id: undefined, path, means: 'it is not the name of a layer' });
      continue;
    }
    const id = parseChainId(`sha256:${name}`);
    try {
      entries.set(id, await readLayer(path, id));
    } catch (error) {
      if (!(error instanceof EntryProblem)) throw error;
      findings.push({ kind: 'layer-damaged', id, path: error.path, means: error.message });
    }
  }
  const usable = new Map<ChainId, LayerEntry>();
  for (const [id, problem] of await judge(layout, entries)) {
    const entry = entries.get(id);
    if (problem !== undefined) findings.push(problem);
    else if (entry !== undefined) usable.set(id, entry);
  }
  return { usable, findings, removing: names.filter(isRemoving) };
}

async function readLayer(path: string, id: ChainId): Promise<LayerEntry> {
  return {
    chainId: id,
    cacheId: await needValue(path, 'cache-id', 'a cache id', asLayerId),
    diffId: await needValue(path, 'diff', 'a diff id', (text) =>
      isDigest(text) ? parseDiffId(text) : undefined,
    ),
    parent: await readValue(path, 'parent', 'a chain id', asChainId),
    size: await needValue(path, 'size', 'a number of bytes', (text) =>
      /^\d{1,15}$/.test(text) ? Number(text) : undefined,
    ),
    path,
  };
}

export function asLayerId(text: string): string | undefined {
  return isLayerId(text) ? text : undefined;
}

export function asChainId(text: string): ChainId | undefined {
  return isDigest(text) ? parseChainId(text) : undefined;
}

type Judgements = Map<ChainId, DockerFinding | undefined>;

/** For each entry why it cannot be used, or undefined; parents are judged before what stands on them. */
async function judge(layout: DockerLayout, entries: ReadonlyMap<ChainId, LayerEntry>): Promise<Judgements> {
  const judged: Judgements = new Map();
  for (const start of entries.values()) {
    // From this entry down to one that is judged or is none.
    const path: LayerEntry[] = [];
    const onPath = new Set<ChainId>();
    let entry: LayerEntry | undefined = start;
    while (entry !== undefined && !judged.has(entry.chainId) && !onPath.has(entry.chainId)) {
      path.push(entry);
      onPath.add(entry.chainId);
      entry = entry.parent === undefined ? undefined : entries.get(entry.parent);
    }
    const cycle = entry !== undefined && onPath.has(entry.chainId) ? path.indexOf(entry) : path.length;
    for (const each of path.toReversed()) {
      const inCycle = path.indexOf(each) >= cycle;
      judged.set(each.chainId, await judgeOne(layout, each, entries, judged, inCycle));
    }
  }
  return judged;
}

async function judgeOne(
  layout: DockerLayout,
  entry: LayerEntry,
  entries: ReadonlyMap<ChainId, LayerEntry>,
  judged: Judgements,
  inCycle: boolean,
): Promise<DockerFinding | undefined> {
  const { chainId: id, parent, diffId, cacheId, path } = entry;
  const finding = (kind: DockerFindingKind, where: string, means: string): DockerFinding => {
    return { kind, id, path: where, means };
  };
  if (inCycle) return finding('chain-cycle', join(path, 'parent'), 'its parents lead back to itself');
  if (parent !== undefined && !entries.has(parent)) {
    return finding('parent-missing', join(path, 'parent'), `its parent ${parent} is missing or damaged`);
  }
  if (parent !== undefined && judged.get(parent) !== undefined) {
    return finding('parent-missing', join(path, 'parent'), `its parent ${parent} cannot be used`);
  }
  const computed = chainId(parent, diffId);
  if (computed !== id) {
    return finding('chain-id-mismatch', path, `its parent and its diff id give the chain id ${computed}`);
  }
  const diff = layout.driver.diff(cacheId);
  if (await isRealDirectory(diff)) return undefined;
  return finding('diff-missing', diff, 'the directory with the content of the layer is missing, or is none');
}

/** True for a directory, also one that a symlink leads to. */
export function isDirectory(path: string): Promise<boolean> {
  return isDirectoryBy(stat, path);
}

/** A layer's content is never elsewhere: a symlink there would show, or let be changed, what is not the store's. */
export function isRealDirectory(path: string): Promise<boolean> {
  return isDirectoryBy(lstat, path);
}

async function isDirectoryBy(look: typeof stat | typeof lstat, path: string): Promise<boolean> {
  try {
    return (await look(path)).isDirectory();
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}
