// SPDX-License-Identifier: MIT
import type { DockerFinding, DockerFindingKind } from './docker_finding.ts';
import type { DockerLayout } from './docker_layout.ts';

const GC = 'node-aufs docker gc';
const ANEW = 'get the image anew (docker load, docker pull) when Docker runs';
const BACK = `put it back from a copy; or delete the entry and ${ANEW}`;

/** What can be done about each kind. A command that is named mends it; Docker has to be stopped for those that write. */
const REMEDIES: Readonly<Record<DockerFindingKind, string>> = {
  'layer-damaged': BACK,
  'chain-id-mismatch': BACK,
  'chain-cycle': BACK,
  'parent-missing': 'goes away when that layer is back; or delete the entry',
  'diff-missing': BACK,
  'container-damaged': 'put it back from a copy, or delete the entry of the container',
  'image-damaged': `delete it and ${ANEW}`,
  'repositories-damaged': 'put it back from a copy; the images themselves are still found by their ids',
  'record-missing': 'put it back from a copy; nothing else can make it',
  'driver-chain-damaged': 'node-aufs --root AUFS check --repair, where that is certain of the parents',
  'cache-id-shared': 'put the right cache-id back from a copy',
  'image-layer-missing': ANEW,
  'image-missing': ANEW,
  removing: GC,
  transaction: GC,
  'diff-orphan': 'look at it, then: node-aufs --root AUFS rm ID; if that is no layer, delete the directory',
  'unknown-name': 'look at it, then move it away',
};

/** What can be done about a finding, commands with the paths of this store. */
export function remedyOf({ kind, id }: DockerFinding, { driver }: DockerLayout): string {
  return REMEDIES[kind].replace('AUFS', () => driver.root).replace('ID', () => id ?? 'ID');
}
