// SPDX-License-Identifier: MIT
import { binding, type LockHandle } from '../../binding.ts';
import { hasCode, native } from '../../errors.ts';
import { withStoreLock } from '../layer_lock.ts';
import type { Layout } from '../layout.ts';
import { makeOwnFolders } from '../own_folders.ts';
import { ChainEvidence } from './chain_evidence.ts';
import { type Fault, type Finding, faultKey, toFinding } from './finding.ts';
import { judgeLayers } from './judge_layers.ts';
import { judgeLeftovers } from './judge_leftovers.ts';
import { mendFault } from './mend.ts';
import { type Survey, survey } from './survey.ts';

export interface CheckOptions {
  /** Puts right what can be. @default false */
  readonly repair?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was found. */
export interface CheckReport {
  /** True if nothing is wrong, or nothing any more; notices do not count. */
  readonly clean: boolean;
  /** Number of layers. */
  readonly layers: number;
  readonly findings: readonly Finding[];
}

/** Mending one layer can make the next one whole. */
const MOST_PASSES = 20;
/** Each takes a file descriptor. */
const LOCKS_AT_ONCE = 200;

export async function checkStore(layout: Layout, options: CheckOptions): Promise<CheckReport> {
  const { repair = false, signal } = options;
  signal?.throwIfAborted();
  if (!repair) {
    const { faults, layers } = await findFaults(layout);
    return report(
      faults.map((fault) => toFinding(fault)),
      layers,
    );
  }
  await makeOwnFolders(layout);
  return withStoreLock(layout, () => repairLocked(layout, signal), signal);
}

/** Nobody makes, mounts, commits or removes a layer meanwhile. */
async function repairLocked(layout: Layout, signal: AbortSignal | undefined): Promise<CheckReport> {
  const mended = new Map<string, Finding>();
  const failures = new Map<string, string>();
  for (let pass = 0; ; pass++) {
    const found = await survey(layout);
    const faults = judge(found);
    for (const key of faults.map(faultKey)) {
      if (mended.delete(key)) failures.set(key, 'it is there again afterwards');
    }
    const open = faults.filter((fault) => fault.mend !== undefined && !failures.has(faultKey(fault)));
    if (open.length === 0 || pass === MOST_PASSES) {
      const rest = faults.map((fault) => toFinding(fault, false, failures.get(faultKey(fault))));
      return report([...mended.values(), ...rest], found.chains.size);
    }
    for (const fault of open) {
      signal?.throwIfAborted();
      const failure = await mendFault(layout, fault);
      if (failure === undefined) mended.set(faultKey(fault), toFinding(fault, true));
      else failures.set(faultKey(fault), failure);
    }
  }
}

function report(findings: readonly Finding[], layers: number): CheckReport {
  return {
    clean: findings.every(({ repaired, severity }) => repaired || severity === 'notice'),
    layers,
    findings,
  };
}

function judge(found: Survey): Fault[] {
  const evidence = new ChainEvidence(found);
  return [...judgeLayers(found, evidence), ...judgeLeftovers(found, evidence)];
}

/**
 * What is wrong and stays wrong: what living processes are busy with looks half-made, but they hold the layer's lock. The
 * second look is taken while they cannot begin anything new with the layers in question.
 */
export async function findFaults(layout: Layout): Promise<{ faults: Fault[]; layers: number }> {
  const first = await survey(layout);
  const suspects = judge(first);
  const lasting: Fault[] = suspects.filter(({ id }) => id === undefined);
  const names = [...new Set(suspects.map(lockOf))].filter((name) => name !== undefined);
  for (let i = 0; i < names.length; i += LOCKS_AT_ONCE) {
    const still = await secondLook(first, names.slice(i, i + LOCKS_AT_ONCE));
    lasting.push(...suspects.filter((fault) => still.has(faultKey(fault))));
  }
  return { faults: lasting, layers: first.chains.size };
}

/** What is wrong where nobody is busy, of what these locks are for. */
async function secondLook({ layout, locks }: Survey, names: readonly string[]): Promise<Set<string>> {
  const held: LockHandle[] = [];
  const idle = new Set<string | undefined>();
  try {
    for (const name of names) {
      const lock = locks.has(name) ? await tryShared(layout.lock(name)) : undefined;
      if (lock === null) continue;
      if (lock !== undefined) held.push(lock);
      idle.add(name);
    }
    const faults = judge(await survey(layout));
    return new Set(faults.filter((fault) => idle.has(lockOf(fault))).map(faultKey));
  } finally {
    for (const lock of held) binding().unlock(lock);
  }
}

/** Undefined for what no layer is to do with. */
function lockOf({ lock, id }: Fault): string | undefined {
  return lock ?? id;
}

/** Locks the file, if it is there, against change of the layer; null if somebody is busy with it. */
async function tryShared(path: string): Promise<LockHandle | null | undefined> {
  try {
    return await native(binding().flock(path, false));
  } catch (error) {
    // Gone since the first look, as those of layers that are gone go.
    if (hasCode(error, 'ENOENT')) return undefined;
    if (hasCode(error, 'EACCES')) return null;
    throw error;
  }
}
