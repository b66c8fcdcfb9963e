// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { ChainId } from '../store/content_id.ts';
import type { DockerFinding } from './docker_finding.ts';
import { type DockerLayout, isContainerId } from './docker_layout.ts';
import { EntryProblem, namesOf, needValue, readValue } from './read_entry.ts';
import { asChainId, asLayerId, isRealDirectory, type LayerEntry } from './read_layers.ts';

/** An entry of `layerdb/mounts/`. */
export interface ContainerEntry {
  readonly id: string;
  /** Name of the directory of its changes in `aufs/diff/`. */
  readonly mountId: string;
  /** Name of the layer between its changes and the image. */
  readonly initId: string | undefined;
  readonly parent: ChainId | undefined;
}

export interface ContainerEntries {
  readonly usable: readonly ContainerEntry[];
  readonly findings: readonly DockerFinding[];
}

/** Reads what containers there are; those that are damaged, or whose image is, are left out and told of. */
export async function readContainers(
  layout: DockerLayout,
  layers: ReadonlyMap<ChainId, LayerEntry>,
): Promise<ContainerEntries> {
  const usable: ContainerEntry[] = [];
  const findings: DockerFinding[] = [];
  for (const id of await namesOf(layout.mounts)) {
    const path = join(layout.mounts, id);
    if (!isContainerId(id)) {
      findings.push({ kind: 'unknown-name', id: undefined, path, means: 'it is not the id of a container' });
      continue;
    }
    try {
      usable.push(await readContainer(layout, path, id, layers));
    } catch (error) {
      if (!(error instanceof EntryProblem)) throw error;
      findings.push({ kind: 'container-damaged', id, path: error.path, means: error.message });
    }
  }
  return { usable, findings };
}

async function readContainer(
  layout: DockerLayout,
  path: string,
  id: string,
  layers: ReadonlyMap<ChainId, LayerEntry>,
): Promise<ContainerEntry> {
  const mountId = await needValue(path, 'mount-id', 'a mount id', asLayerId);
  const initId = await readValue(path, 'init-id', 'a mount id', asLayerId);
  const parent = await readValue(path, 'parent', 'a chain id', asChainId);
  if (parent !== undefined && !layers.has(parent)) {
    throw new EntryProblem(join(path, 'parent'), `its image's layer ${parent} is missing or cannot be used`);
  }
  for (const driverId of initId === undefined ? [mountId] : [mountId, initId]) {
    const diff = layout.driver.diff(driverId);
    if (!(await isRealDirectory(diff)))
      throw new EntryProblem(diff, 'this directory of the container is missing, or is none');
  }
  return { id, mountId, initId, parent };
}
