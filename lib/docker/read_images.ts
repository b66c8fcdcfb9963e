// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hasCode } from '../errors.ts';
import { type ChainId, chainIdOf, type DiffId, parseDiffId } from '../store/content_id.ts';
import { isDigest } from '../store/digest.ts';
import { readRegularFile, readTextFile } from '../store/regular_file.ts';
import type { DockerFinding } from './docker_finding.ts';
import { type DockerLayout, isDigits } from './docker_layout.ts';
import { namesOf } from './read_entry.ts';
import type { LayerEntry } from './read_layers.ts';

/** An image: a configuration and the layers that it names. */
export interface DockerImage {
  /** `sha256:…` of its configuration. */
  readonly id: string;
  /** `busybox:latest`, `busybox@sha256:…`; sorted. */
  readonly names: readonly string[];
  /** From the base up. */
  readonly diffIds: readonly DiffId[];
  /** Of its topmost layer; undefined for an image of no layers. */
  readonly chainId: ChainId | undefined;
  readonly architecture: string | undefined;
  readonly os: string | undefined;
  /** ISO 8601, as the configuration has it. */
  readonly created: string | undefined;
  /** Whether its topmost layer can be used, and so all of them. */
  readonly complete: boolean;
}

export interface DockerImages {
  readonly images: readonly DockerImage[];
  readonly findings: readonly DockerFinding[];
}

/** Registries take configurations of a few MiB at the most, and a name has some hundred bytes. */
const MOST_BYTES = 64 * 2 ** 20;

/** Reads `imagedb/` and `repositories.json`, where they are there. */
export async function readImages(
  layout: DockerLayout,
  layers: ReadonlyMap<ChainId, LayerEntry>,
): Promise<DockerImages> {
  const findings: DockerFinding[] = [];
  const names = await readNames(layout, findings);
  const images: DockerImage[] = [];
  for (const name of (await namesOf(layout.images)).filter(isDigits)) {
    const id = `sha256:${name}`;
    const path = join(layout.images, name);
    const config = await readConfig(path, id);
    if (typeof config === 'string') {
      findings.push({ kind: 'image-damaged', id, path, means: config });
      continue;
    }
    const top = chainIdOf(config.diffIds);
    const complete = top === undefined || layers.has(top);
    if (!complete) {
      const means = `its topmost layer ${top} is missing or cannot be used`;
      findings.push({ kind: 'image-layer-missing', id, path, means });
    }
    images.push({ id, names: names.get(id) ?? [], chainId: top, complete, ...config });
  }
  for (const [id, lost] of names) {
    if (images.some((image) => image.id === id)) continue;
    const means = `${lost.join(', ')} name an image that is missing or damaged`;
    findings.push({ kind: 'image-missing', id, path: layout.repositories, means });
  }
  return { images, findings };
}

type Config = Pick<DockerImage, 'diffIds' | 'architecture' | 'os' | 'created'>;

/** The configuration, or what is wrong with it. */
async function readConfig(path: string, id: string): Promise<Config | string> {
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(path, MOST_BYTES);
  } catch (error) {
    return `it cannot be read (${(error as Error).message})`;
  }
  if (bytes.length === 0) return 'it is empty, as a power cut leaves it';
  if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== id)
    return 'its digest is not its name';
  const { rootfs, architecture, os, created } = asObject(parseJson(bytes.toString('utf8')));
  const diffIds = asObject(rootfs)['diff_ids'] ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every((each) => typeof each === 'string' && isDigest(each))) {
    return 'it is not an image configuration with a list of diff ids';
  }
  return {
    diffIds: diffIds.map(parseDiffId),
    architecture: asText(architecture),
    os: asText(os),
    created: asText(created),
  };
}

/** Names by image id. */
async function readNames(layout: DockerLayout, findings: DockerFinding[]): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  const damaged = (means: string): void => {
    findings.push({ kind: 'repositories-damaged', id: undefined, path: layout.repositories, means });
  };
  let text: string;
  try {
    text = await readTextFile(layout.repositories, MOST_BYTES);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) damaged(`it cannot be read (${(error as Error).message})`);
    return names;
  }
  const repositories = asObject(parseJson(text))['Repositories'];
  if (typeof repositories !== 'object' || repositories === null) {
    damaged(text === '' ? 'it is empty, as a power cut leaves it' : 'it is not a list of repositories');
    return names;
  }
  for (const tags of Object.values(repositories)) {
    for (const [name, id] of Object.entries(asObject(tags))) {
      if (typeof id === 'string' && isDigest(id)) names.set(id, [...(names.get(id) ?? []), name].sort());
      else damaged(`${name} stands for ${JSON.stringify(id)}, which is not an image id`);
    }
  }
  return names;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
