// SPDX-License-Identifier: MIT
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../errors.ts';
import { parseChain } from '../store/chain_file.ts';
import { REMOVING } from '../store/layout.ts';
import { readTextFile } from '../store/regular_file.ts';
import { type DockerContents, readContents } from './docker_contents.ts';
import type { DockerContext } from './docker_context.ts';
import type { DockerFinding } from './docker_finding.ts';
import type { DockerLayer } from './docker_layer.ts';
import type { DockerLayout } from './docker_layout.ts';
import { dataOf } from './entry_data.ts';
import { namesOf } from './read_entry.ts';
import { remedyOf } from './remedy.ts';

/** Of a list of parents, 70 bytes each. */
const MOST_CHAIN = 2 ** 20;

/** A finding with what can be done about it. */
export interface DockerCheckFinding extends DockerFinding {
  /** What the user should do; a command where one mends it. */
  readonly remedy: string;
}

/** What {@link DockerStore.check} found. */
export interface DockerCheckReport {
  /** True if nothing at all was found. */
  readonly clean: boolean;
  /** Number of layers that can be used. */
  readonly layers: number;
  readonly containers: number;
  readonly images: number;
  readonly findings: readonly DockerCheckFinding[];
}

/** Compares everything of a store but the content of its layers; changes nothing. */
export async function checkDocker(context: DockerContext): Promise<DockerCheckReport> {
  const { layout } = context;
  const contents = await readContents(context);
  const { layers, containers, images } = contents;
  const findings = [
    ...contents.skipped,
    ...(await recordFindings(layers)),
    ...(await driverFindings(layout, contents)),
    ...(await leftovers(layout, contents)),
  ].map((finding) => ({ ...finding, remedy: remedyOf(finding, layout) }));
  const counts = { layers: layers.length, containers: containers.length, images: images.length };
  return { clean: findings.length === 0, ...counts, findings };
}

/** Without its record a layer can be mounted, but not exported. */
async function recordFindings(layers: readonly DockerLayer[]): Promise<DockerFinding[]> {
  const findings: DockerFinding[] = [];
  for (const { chainId: id, recordPath: path } of layers) {
    const what = await recordProblem(path);
    if (what === undefined) continue;
    const means = `the record of its archive is ${what}: it can be mounted, but not verified and exported`;
    findings.push({ kind: 'record-missing', id, path, means });
  }
  return findings;
}

async function recordProblem(path: string): Promise<string | undefined> {
  try {
    const found = await lstat(path);
    if (!found.isFile()) return 'not a file';
    return found.size === 0 ? 'empty, as a power cut leaves it' : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'missing';
    throw error;
  }
}

/** Whether the graph driver's own lists of parents say what the layer database says. */
async function driverFindings(layout: DockerLayout, contents: DockerContents): Promise<DockerFinding[]> {
  const findings: DockerFinding[] = [];
  const cacheIds = new Map(contents.layers.map((layer) => [layer.chainId, layer.cacheId]));
  const owners = new Map<string, string>();
  for (const [id, chain] of expectedChains(contents, cacheIds)) {
    const [driverId, ...parents] = chain;
    if (driverId === undefined) continue;
    const path = layout.driver.chain(driverId);
    const owner = owners.get(driverId);
    if (owner === undefined) owners.set(driverId, id);
    else if (owner !== id) {
      const means = `${owner} has the same directory in aufs/diff/`;
      findings.push({ kind: 'cache-id-shared', id, path: layout.driver.diff(driverId), means });
    }
    const actual = await readTextFile(path, MOST_CHAIN).catch(() => undefined);
    if (actual !== undefined && parseChain(actual).join() === parents.join()) continue;
    const means =
      actual === undefined
        ? 'the graph driver’s list of its parents is missing'
        : 'the graph driver’s list of its parents is not what the layer database says';
    findings.push({ kind: 'driver-chain-damaged', id, path, means });
  }
  return findings;
}

/** What belongs to the layer or container, and its names in `aufs/`, topmost first. */
function* expectedChains(
  { layers, containers }: DockerContents,
  cacheIds: ReadonlyMap<string, string>,
): Generator<readonly [id: string, chain: readonly string[]]> {
  const below = (parents: readonly string[]) => parents.map((parent) => cacheIds.get(parent) ?? '');
  for (const { chainId, cacheId, parents } of layers) yield [chainId, [cacheId, ...below(parents)]];
  for (const { id, mountId, initId, parent } of containers) {
    const image = layers.find(({ chainId }) => chainId === parent);
    const chain = image === undefined ? [] : below([image.chainId, ...image.parents]);
    const init = initId === undefined ? [] : [initId];
    yield [id, [mountId, ...init, ...chain]];
    if (initId !== undefined) yield [id, [initId, ...chain]];
  }
}

async function leftovers(layout: DockerLayout, contents: DockerContents): Promise<DockerFinding[]> {
  const findings: DockerFinding[] = [];
  const found = (kind: DockerFinding['kind'], path: string, means: string, id?: string): void => {
    findings.push({ kind, id, path, means });
  };
  for (const name of contents.removing) {
    found('removing', join(layout.layers, name), 'a layer whose deletion was interrupted');
  }
  for (const name of await namesOf(layout.transactions)) {
    found('transaction', join(layout.transactions, name), 'an entry whose making was interrupted');
  }
  const known = await knownDriverIds(layout, contents);
  const { driver } = layout;
  for (const folder of [driver.diffs, driver.mountpoints]) {
    for (const name of await namesOf(folder)) {
      const path = join(folder, name);
      if (name.endsWith(REMOVING)) found('removing', path, 'a directory whose deletion was interrupted');
      else if (folder === driver.diffs && !known.has(name)) {
        found('diff-orphan', path, 'data that no layer and no container explains', name);
      }
    }
  }
  return findings;
}

/** Names in `aufs/diff/` that something stands for, be it damaged or on its way in or out. */
async function knownDriverIds(layout: DockerLayout, contents: DockerContents): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  for (const { cacheId } of contents.layers) known.add(cacheId);
  for (const { mountId, initId } of contents.containers) known.add(mountId).add(initId ?? mountId);
  for (const folder of [layout.layers, layout.mounts, layout.transactions]) {
    for (const name of await namesOf(folder)) {
      for (const each of await dataOf(join(folder, name))) known.add(each);
    }
  }
  return known;
}
