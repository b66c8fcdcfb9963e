// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { ChainEvidence } from './chain_evidence.ts';
import type { Fault, FindingKind } from './finding.ts';
import type { Named, Survey } from './survey.ts';

/**
 * What no layer explains. Only what an interrupted operation is known to leave, and what holds nothing, can be put
 * right; everything else may be somebody's data.
 */
export function judgeLeftovers(survey: Survey, evidence: ChainEvidence): Fault[] {
  return [
    ...[...survey.stages].map((id) => judgeStage(survey, evidence, id)),
    ...survey.removing.map(judgeRemoving),
    ...survey.temporaries.map(judgeTemporary),
    ...withoutData(survey, survey.locks).map((id) => staleLock(survey, id)),
    ...orphans(survey, survey.unheld).map((id) => staleHolders(survey, id)),
    ...[...survey.damagedHolders].map((id) => damagedHolders(survey, id)),
    ...[...survey.mounts].flatMap(([id, state]) => judgeMount(survey, id, state)),
    ...orphans(survey, survey.diffs).map((id) => judgeDiff(survey, evidence, id)),
    ...withoutData(survey, survey.mountpoints)
      .filter((id) => !survey.mounts.has(id))
      .map((id) => judgeMountpoint(survey, id)),
    ...withoutData(survey, survey.metadata.keys()).map((id) =>
      forgotten('metadata-orphan', id, survey.layout.metadataFile(id), 'metadata'),
    ),
    ...withoutData(survey, survey.records.keys()).map((id) =>
      forgotten('record-orphan', id, survey.layout.recordFile(id), 'the record of an archive'),
    ),
    ...withoutData(survey, survey.indexes).map((id) =>
      forgotten('index-orphan', id, survey.layout.chainIndex(id), 'the index'),
    ),
    ...survey.strangers.map(judgeStranger),
  ];
}

/** Those that are no layers. */
function only({ chains }: Survey, ids: Iterable<string>): string[] {
  return [...ids].filter((id) => !chains.has(id));
}

/** Those that are no layers, and are not being made or removed. */
function orphans(survey: Survey, ids: Iterable<string>): string[] {
  return only(survey, ids).filter((id) => !survey.stages.has(id));
}

function withoutData(survey: Survey, ids: Iterable<string>): string[] {
  return orphans(survey, ids).filter((id) => !survey.diffs.has(id));
}

function judgeStage({ layout, chains, mounts }: Survey, evidence: ChainEvidence, id: string): Fault {
  const path = layout.stage(id);
  if (chains.has(id)) {
    return {
      kind: 'staging',
      id,
      path,
      means: 'a layer was made, or was about to be removed, and its staging directory stayed',
      remedy: 'the staging directory is removed; the layer stays',
      mend: { does: 'remove-tree', path },
    };
  }
  const fault = { kind: 'half-made', id, path } as const;
  if (evidence.isReferenced(id)) {
    return {
      ...fault,
      means: 'a layer looks half-made, and others stand on it',
      remedy: `look at diff/${id}: if it is whole, write layers/${id}, then remove this directory`,
    };
  }
  if (mounts.get(id) === 'alive') {
    return { ...fault, means: 'a layer looks half-made, and is mounted', remedy: `unmount mnt/${id} first` };
  }
  return {
    ...fault,
    means: 'making or removing a layer was interrupted',
    remedy: 'everything that bears its id is removed',
    mend: { does: 'drop-half-made', id },
  };
}

function judgeRemoving({ id, path }: Named): Fault {
  return {
    kind: 'removing',
    id,
    path,
    means: 'the removal of a layer was interrupted',
    remedy: 'it is removed',
    mend: { does: 'remove-tree', path },
  };
}

function judgeTemporary({ id, path, lock }: Named): Fault {
  return {
    lock,
    kind: 'temporary',
    id,
    path,
    means: 'a file was being written when the process ended',
    remedy: 'it is removed',
    mend: { does: 'remove-file', path },
  };
}

function staleLock({ layout }: Survey, id: string): Fault {
  const path = layout.lock(id);
  return {
    kind: 'stale-lock',
    id,
    path,
    means: 'a lock file of a layer that is gone; nobody holds it',
    remedy: 'it is removed',
    mend: { does: 'remove-file', path },
  };
}

function staleHolders({ layout }: Survey, id: string): Fault {
  const path = join(layout.holders, id);
  return {
    kind: 'stale-holders',
    id,
    path,
    means: 'who used a layer that is gone; none of these processes lives',
    remedy: 'it is removed',
    mend: { does: 'remove-file', path },
  };
}

function damagedHolders({ layout }: Survey, id: string): Fault {
  return {
    kind: 'holders-damaged',
    id,
    path: join(layout.holders, id),
    means: 'who uses the layer cannot be told; the graph driver does not give it out or take it back',
    remedy: 'remove the file once no process uses the layer',
  };
}

function judgeMount({ layout, chains }: Survey, id: string, state: 'alive' | 'dead'): Fault[] {
  const path = layout.mountpoint(id);
  if (state === 'dead') {
    const means = 'the server of this mount was killed; every use of it fails';
    return [
      { kind: 'dead-mount', id, path, means, remedy: 'it is unmounted', mend: { does: 'unmount', path } },
    ];
  }
  if (chains.has(id)) return [];
  const means = 'something is mounted for a layer that is not there';
  return [{ kind: 'mount-orphan', id, path, means, remedy: `unmount it: umount ${path}` }];
}

function judgeDiff({ layout }: Survey, evidence: ChainEvidence, id: string): Fault {
  const parents = evidence.right(id);
  if (parents === undefined) {
    return {
      kind: 'diff-orphan',
      id,
      path: layout.diff(id),
      means: 'data that no layer explains',
      remedy:
        'look at it, then move it away or delete it; or write its parents to layers/ to make it a layer again',
    };
  }
  const what = parents.length === 0 ? 'as that of a base layer' : `with ${parents.length} parents`;
  return {
    kind: 'chain-missing',
    id,
    path: layout.chain(id),
    means: "the list of the layer's parents is missing, so it is no layer any more; its data is there",
    remedy: `the list is written anew, ${what}`,
    mend: { does: 'write-chain', id, parents },
  };
}

function judgeMountpoint({ layout, emptyMountpoints }: Survey, id: string): Fault {
  const path = layout.mountpoint(id);
  const fault = { kind: 'mnt-orphan', id, path, means: 'a mountpoint of a layer that is not there' } as const;
  if (!emptyMountpoints.has(id))
    return { ...fault, remedy: 'it holds files: look at them, then move them away' };
  return { ...fault, remedy: 'the empty directory is removed', mend: { does: 'remove-empty', path } };
}

function forgotten(kind: FindingKind, id: string, path: string, what: string): Fault {
  return {
    kind,
    id,
    path,
    means: `${what} of a layer that is not there`,
    remedy: 'it is removed',
    mend: { does: 'remove-file', path },
  };
}

function judgeStranger(path: string): Fault {
  return {
    kind: 'unknown-name',
    path,
    means: 'nothing that a store has',
    remedy: 'look at it, then move it away',
  };
}
