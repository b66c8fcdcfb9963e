// SPDX-License-Identifier: MIT
import { isLayerId } from '../layer_id.ts';
import { parseMetadata } from '../metadata.ts';
import type { ChainEvidence } from './chain_evidence.ts';
import type { Fault, Mend } from './finding.ts';
import { metadataFault } from './metadata_text.ts';
import type { Survey } from './survey.ts';

/** What is wrong with the layers that there are. */
export function judgeLayers(survey: Survey, evidence: ChainEvidence): Fault[] {
  return [...survey.chains.keys()].flatMap((id) => {
    const chain = judgeChain(survey, evidence, id);
    const rest = [judgeDiff(survey, id), judgeMountpoint(survey, id), judgeRecord(survey, id)];
    const metadata = judgeMetadata(survey, evidence, id, chain === undefined);
    return [chain, ...rest, metadata].filter((fault) => fault !== undefined);
  });
}

function judgeChain(survey: Survey, evidence: ChainEvidence, id: string): Fault | undefined {
  const lines = evidence.lines(id) ?? [];
  const [parent] = lines;
  const path = survey.layout.chain(id);
  const right = evidence.right(id);
  const recorded = evidence.recorded(id);
  const damaged = (what: string): Fault => ({
    kind: 'chain-damaged',
    id,
    path,
    means: `the list of the layer's parents is damaged: ${what}`,
    ...chainRemedy(survey, evidence, id),
  });
  const bad = lines.find((line) => !isLayerId(line));
  if (bad !== undefined)
    return damaged(`it holds ${JSON.stringify(bad.slice(0, 80))}, which is not a layer id`);
  if (leadsBack(evidence, id))
    return {
      ...damaged('it leads back to the layer itself'),
      kind: 'chain-cycle',
      ...cycleRemedy(survey, evidence, id),
    };
  if (recorded !== undefined && recorded !== (parent ?? null)) {
    return damaged(`it should begin with ${recorded ?? 'nothing'}, the parent that the layer was made on`);
  }
  if (parent !== undefined && !survey.chains.has(parent)) return parentMissing(survey, evidence, id, parent);
  if (right !== undefined && right.join() !== lines.join()) return damaged('it ends too early');
  // Where the parent's own list is damaged, that is said of the parent.
  const onward = parent === undefined ? undefined : (evidence.right(parent) ?? evidence.lines(parent));
  if (onward === undefined || onward.join() === lines.slice(1).join()) return undefined;
  return damaged(`it does not go on as layers/${parent} does`);
}

function chainRemedy(survey: Survey, evidence: ChainEvidence, id: string): Pick<Fault, 'remedy' | 'mend'> {
  const right = evidence.right(id);
  if (right === undefined || contradicts(survey, evidence, id)) return { remedy: byHand(id) };
  const what =
    right.length === 0 ? 'as that of a base layer' : `with ${right.length} parents, ${right[0]} first`;
  return { remedy: `the list is written anew, ${what}`, mend: { does: 'write-chain', id, parents: right } };
}

/** Files in a circle are no witnesses; only what we recorded is. */
function cycleRemedy(survey: Survey, evidence: ChainEvidence, id: string): Pick<Fault, 'remedy' | 'mend'> {
  if (evidence.recorded(id) !== undefined) return chainRemedy(survey, evidence, id);
  return { remedy: byHand(id), mend: undefined };
}

function byHand(id: string): string {
  return `put the right parents there (ids, nearest first, one a line), or remove the layer: node-aufs rm ${id}`;
}

/** True if the file is sound in itself but another than what was recorded: nobody can tell which is right. */
function contradicts(survey: Survey, evidence: ChainEvidence, id: string): boolean {
  const [parent, ...rest] = evidence.lines(id) ?? [];
  if (parent === undefined || parent === evidence.recorded(id)) return false;
  if (evidence.recorded(id) === undefined || parent === id || !survey.chains.has(parent)) return false;
  return evidence.lines(parent)?.join() === rest.join();
}

/** True if following the first parents from a layer leads to it again. */
function leadsBack(evidence: ChainEvidence, id: string): boolean {
  if (evidence.lines(id)?.includes(id) === true) return true;
  const seen = new Set<string>();
  for (let at = evidence.lines(id)?.[0]; at !== undefined && !seen.has(at); at = evidence.lines(at)?.[0]) {
    if (at === id) return true;
    seen.add(at);
  }
  return false;
}

function parentMissing(survey: Survey, evidence: ChainEvidence, id: string, parent: string): Fault {
  const restorable = survey.diffs.has(parent) && !survey.stages.has(parent) && evidence.right(parent);
  return {
    kind: 'parent-missing',
    id,
    path: survey.layout.chain(id),
    means: `the layer stands on ${parent}, which is not there`,
    remedy: restorable
      ? `goes away when layers/${parent} is restored`
      : `bring layer ${parent} back (import it under that id), or remove this one: node-aufs rm ${id}`,
  };
}

function judgeDiff({ layout, diffs }: Survey, id: string): Fault | undefined {
  if (diffs.has(id)) return undefined;
  return {
    kind: 'diff-missing',
    id,
    path: layout.diff(id),
    means: "the layer's data is not there; it and what stands on it cannot be mounted",
    remedy: `put the directory back from a copy, or remove the layer: node-aufs rm ${id}`,
  };
}

function judgeMountpoint({ layout, mountpoints, mounts }: Survey, id: string): Fault | undefined {
  if (mountpoints.has(id) || mounts.has(id)) return undefined;
  const path = layout.mountpoint(id);
  return {
    kind: 'mnt-missing',
    id,
    path,
    means: 'the layer has no mountpoint',
    remedy: 'the empty directory is made',
    mend: { does: 'make-directory', path },
  };
}

function judgeRecord({ layout, records }: Survey, id: string): Fault | undefined {
  if (records.get(id) !== 0) return undefined;
  const path = layout.recordFile(id);
  return {
    kind: 'record-damaged',
    id,
    path,
    means: 'the record of the archive that the layer came from is empty, as after a power cut',
    remedy: 'the empty file is removed; the layer can still be archived anew, but not `exact`',
    mend: { does: 'remove-file', path },
  };
}

function judgeMetadata(
  { layout, metadata }: Survey,
  evidence: ChainEvidence,
  id: string,
  chainIsSound: boolean,
): Fault | undefined {
  const text = metadata.get(id);
  const what = text === undefined ? undefined : metadataFault(text);
  if (text === undefined || what === undefined) return undefined;
  const kept = parseMetadata(text);
  // An empty list may be that of a base layer, or may have been cut off: it proves nothing.
  const parent = chainIsSound ? evidence.lines(id)?.[0] : undefined;
  const mend: Mend = { does: 'write-metadata', id, metadata: { ...kept, parent: kept.parent ?? parent } };
  return {
    kind: 'metadata-damaged',
    id,
    path: layout.metadataFile(id),
    means: `what was recorded of the layer is damaged: ${what}; it counts as read-only until then and after`,
    remedy: 'it is written anew with what can be read of it; labels that cannot be read are lost',
    mend,
  };
}
