// SPDX-License-Identifier: MIT
import { AufsError, hasCode } from '../errors.ts';
import { findFaults } from './check/check_store.ts';
import type { Fault, FindingKind } from './check/finding.ts';
import { exists } from './exists.ts';
import type { Abortable, Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import { makeOwnFolders } from './own_folders.ts';
import { CACHE_LABEL, type Reference, References } from './references.ts';
import { sweep } from './sweep.ts';
import { treeUsage } from './tree_usage.ts';

export interface GcOptions extends Abortable {
  /** Says what would be removed, and removes nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /** Also read-only layers without the label `cache`. @default false */
  readonly all?: boolean | undefined;
  /** Ids of layers that stay; with them everything that they stand on. */
  readonly keep?: readonly string[] | undefined;
}

/** What was removed, or would be. Bytes are those on disk; where blocks are shared, fewer become free. */
export interface GcReport {
  readonly dryRun: boolean;
  readonly layers: readonly { readonly id: string; readonly bytes: number }[];
  /** What interrupted operations left. */
  readonly leftovers: readonly { readonly path: string; readonly bytes: number }[];
  readonly kept: readonly { readonly id: string; readonly why: KeptWhy }[];
  readonly bytes: number;
}

/** A {@link Reference}; it has no label `cache`; or somebody took it into use meanwhile. */
export type KeptWhy = Reference | 'no-cache' | 'busy';

/** With these, what stands on what, or what is to be kept, is not certain. */
const UNCERTAIN: readonly FindingKind[] = [
  'chain-damaged',
  'chain-cycle',
  'chain-missing',
  'parent-missing',
  'metadata-damaged',
];
const LEFTOVERS: readonly FindingKind[] = [
  'half-made',
  'staging',
  'removing',
  'temporary',
  'stale-lock',
  'stale-holders',
];

/** Removes what nothing references; see {@link Store.gc}. `layers` gives all layers, to be called when it is time. */
export async function collectGarbage(
  layout: Layout,
  layers: () => Promise<Layer[]>,
  { dryRun = false, all = false, keep = [], signal }: GcOptions,
): Promise<GcReport> {
  signal?.throwIfAborted();
  const { faults } = await findFaults(layout);
  refuseUncertain(layout, faults);
  const leftovers = await measureLeftovers(layout, faults, signal);
  if (!dryRun) {
    await makeOwnFolders(layout);
    await sweep(layout);
  }
  const swept = dryRun ? leftovers : await thoseGone(leftovers);
  const found = await layers();
  const { plan, kept } = await makePlan(layout, found, new Set(keep), all);
  const removed: { id: string; bytes: number }[] = [];
  for (const layer of plan) {
    signal?.throwIfAborted();
    const bytes = await bytesOf(layout, layer.id, signal);
    if (dryRun || (await removeUnlessBusy(layer, signal))) removed.push({ id: layer.id, bytes });
    else kept.push({ id: layer.id, why: 'busy' });
  }
  const bytes = [...removed, ...swept].reduce((sum, one) => sum + one.bytes, 0);
  return { dryRun, layers: removed, leftovers: swept, kept, bytes };
}

interface Plan {
  readonly plan: readonly Layer[];
  readonly kept: { id: string; why: KeptWhy }[];
}

/** What can go and what stays, with the reason. Children come before their parents. */
export async function makePlan(
  layout: Layout,
  layers: readonly Layer[],
  keep: ReadonlySet<string>,
  all: boolean,
): Promise<Plan> {
  const references = await References.of(layout, layers);
  const plan: Layer[] = [];
  const gone = new Set<string>();
  const kept: { id: string; why: KeptWhy }[] = [];
  for (const layer of [...layers].sort((a, b) => b.parents.length - a.parents.length)) {
    const isCache = all || Object.hasOwn(layer.labels, CACHE_LABEL);
    const why = references.holding(layer, keep, gone) ?? (isCache ? undefined : 'no-cache');
    if (why === undefined) {
      plan.push(layer);
      gone.add(layer.id);
    } else kept.push({ id: layer.id, why });
  }
  return { plan, kept };
}

/** False if somebody has taken the layer into use since the plan was made. */
async function removeUnlessBusy(layer: Layer, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await layer.remove({ signal });
    return true;
  } catch (error) {
    const codes = ['ERR_LAYER_MOUNTED', 'ERR_LAYER_HAS_CHILDREN', 'ERR_BRANCH_BUSY'];
    if (codes.some((code) => hasCode(error, code))) return false;
    throw error;
  }
}

function refuseUncertain(layout: Layout, faults: readonly Fault[]): void {
  const fault = faults.find(({ kind }) => UNCERTAIN.includes(kind));
  if (fault === undefined) return;
  throw new AufsError(
    'ERR_CORRUPT_LAYER',
    `what is needed in ${layout.root} is not certain: ${fault.path}: ${fault.means}`,
    { hint: 'first look at `node-aufs check`; nothing was removed', id: fault.id, path: fault.path },
  );
}

/** Those of the faults that are leftovers, with all that goes with them. */
export async function measureLeftovers(
  layout: Layout,
  faults: readonly Fault[],
  signal: AbortSignal | undefined,
): Promise<{ path: string; bytes: number }[]> {
  const leftovers: { path: string; bytes: number }[] = [];
  for (const { kind, id, path, mend } of faults) {
    if (!LEFTOVERS.includes(kind) || mend === undefined) continue;
    const more = kind === 'half-made' && id !== undefined ? await bytesOf(layout, id, signal) : 0;
    leftovers.push({ path, bytes: (await bytesOnDisk(path, signal)) + more });
  }
  return leftovers;
}

/** The leftovers that are gone now: the system may have refused some. */
async function thoseGone<T extends { readonly path: string }>(leftovers: readonly T[]): Promise<T[]> {
  const gone: T[] = [];
  for (const leftover of leftovers) if (!(await exists(leftover.path))) gone.push(leftover);
  return gone;
}

/** Everything that goes with a layer. */
async function bytesOf(layout: Layout, id: string, signal: AbortSignal | undefined): Promise<number> {
  let sum = 0;
  const own = [layout.metadataFile(id), layout.recordFile(id), layout.chainIndex(id)];
  for (const path of [layout.diff(id), layout.chain(id), ...own]) {
    sum += await bytesOnDisk(path, signal);
  }
  return sum;
}

/** 0 for what holds a directory that this user may not look into: not knowing its size is no reason to keep it. */
async function bytesOnDisk(path: string, signal: AbortSignal | undefined): Promise<number> {
  try {
    return (await treeUsage(path, signal)).bytesOnDisk;
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw error;
    return 0;
  }
}
