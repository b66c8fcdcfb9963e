// SPDX-License-Identifier: MIT
import type { CaseResult } from './run.ts';
import type { Measure } from './suite.ts';

/** What is promised: the ratio of two medians of one run on one file system, or a time. Lower is better. */
export interface Target {
  readonly suite: string;
  readonly case: string;
  readonly work: string;
  readonly contender: string;
  /** Whose median ours is divided by, in the same case or another one; undefined: `limit` is nanoseconds. */
  readonly against: { readonly contender: string; readonly case?: string } | undefined;
  readonly limit: number;
  /** Where it holds; undefined: on all that the case runs on. */
  readonly backings?: readonly string[];
}

/** A target beside what was measured. */
export interface Judgement {
  readonly target: Target;
  readonly backing: string;
  readonly measure: Measure | undefined;
  /** Undefined where one of the two could not run. */
  readonly ours: number | undefined;
  readonly baseline: number | undefined;
  /** What `target.limit` is compared with. */
  readonly value: number | undefined;
  /** Ours divided by each foreign server in the same case, as far as it ran. */
  readonly foreign: Readonly<Record<string, number>>;
}

export const FOREIGN = ['fuse-overlayfs', 'unionfs-fuse', 'mergerfs'] as const;
/** Every target row is to be faster than the foreign servers, too. */
export const FOREIGN_LIMIT = 1;

const MOUNT = 'node-aufs mount';
const INDEXED = 'node-aufs mount, chain index';
const OVERLAY = { contender: 'overlayfs' };
const PLAIN = { contender: 'plain directory' };
const MS = 1e6;

type Row = readonly [id: string, work: string, limit: number];

function rows(suite: string, against: Target['against'], list: readonly Row[], contender = MOUNT): Target[] {
  return list.map(([id, work, limit]) => ({ suite, case: id, work, contender, against, limit }));
}

function row(
  suite: string,
  id: string,
  work: string,
  rest: Pick<Target, 'limit' | 'against'> & Partial<Target>,
): Target {
  return { suite, case: id, work, contender: MOUNT, ...rest };
}

export const targets: readonly Target[] = [
  ...rows('tree', OVERLAY, [
    ['stat-again', 'warm stat', 1],
    ['readdir-again', 'repeated readdir', 1],
    ['find-cold', 'find over 50,000 files, cold', 1.2],
    ['find-fresh', 'find over 50,000 files, fresh mount', 1.3],
    ['stat-cold', 'stat of 10,000 files one by one, cold', 1.8],
    ['tar-fresh', 'tar of 50,000 small files, first', 2.5],
    ['tar-again', 'tar of 50,000 small files, second', 1],
    ['create', 'create 10,000 small files', 2],
    ['rm', 'rm -rf of a lower tree of 10,000 files', 1],
  ]),
  ...rows(
    'tree',
    OVERLAY,
    [
      ['find-cold', 'find over 50,000 files, cold, chain index', 1.2],
      ['find-fresh', 'find over 50,000 files, fresh mount, chain index', 1.3],
      ['stat-cold', 'stat of 10,000 files one by one, cold, chain index', 1.8],
    ],
    INDEXED,
  ),
  ...rows('tree', { contender: 'fuse-overlayfs' }, [
    ['memory', 'server memory after find over 50,000 files', 1],
  ]),
  ...rows('data', OVERLAY, [['read-lower-again', 'warm re-read', 1]]),
  ...rows('data', PLAIN, [
    ['read-upper-cold', 'sequential read in the writable branch, cold', 1.05],
    ['read-upper-again', 'sequential read in the writable branch, warm', 1.05],
    ['write', 'sequential write in the writable branch', 1.05],
    ['random-write', 'random write in the writable branch', 1.05],
  ]),
  ...rows('programs', OVERLAY, [
    ['git-fresh', 'git status on a fresh mount', 1.3],
    ['untar', 'untar of a source tree', 2],
    ['npm-ci', 'npm ci', 2],
  ]),
  ...rows('programs', OVERLAY, [['git-fresh', 'git status on a fresh mount, chain index', 1.3]], INDEXED),
  ...rows('lookup', OVERLAY, [
    ['absent-warm-1', 'warm negative look-up', 1],
    ['present-cold-128', 'look-up at 128 branches, cold, present', 0.5],
    ['absent-cold-128', 'look-up at 128 branches, cold, absent', 0.25],
  ]),
  ...rows(
    'lookup',
    OVERLAY,
    [
      ['present-cold-128', 'look-up at 128 branches, cold, present, chain index', 0.5],
      ['absent-cold-128', 'look-up at 128 branches, cold, absent, chain index', 0.25],
    ],
    INDEXED,
  ),
  row('lookup', 'present-warm-128', 'look-up at 128 branches / at 1, warm', {
    against: { contender: MOUNT, case: 'present-warm-1' },
    limit: 1.2,
  }),
  row('lookup', 'absent-warm-128', 'absent name at 128 branches / at 1, warm', {
    against: { contender: MOUNT, case: 'absent-warm-1' },
    limit: 1.2,
  }),
  ...rows('mount', OVERLAY, [['mount-128', 'mount + unmount, 128 branches', 1]]),
  row('copy-up', 'one-big', 'first write to 1 GiB / to 4 KiB', {
    against: { contender: MOUNT, case: 'one-small' },
    limit: 1.5,
    backings: ['xfs', 'btrfs'],
  }),
  row('copy-up', 'one-big-begin', 'first write to 1 GiB, until it returns', {
    against: OVERLAY,
    limit: 0.01,
    backings: ['ext4'],
  }),
  row('copy-up', 'chmod-begin', 'chmod of 1 GiB, until it returns', {
    against: OVERLAY,
    limit: 0.01,
    backings: ['ext4'],
  }),
  row('copy-up', 'small', '1,000 x 4 KiB copy_up, default durability', {
    against: OVERLAY,
    limit: 0.8,
    backings: ['ext4', 'xfs'],
  }),
  row('copy-up', 'small', '1,000 x 4 KiB copy_up, volatile', {
    contender: 'node-aufs mount volatile',
    against: { contender: 'overlayfs volatile' },
    limit: 1.3,
    backings: ['ext4', 'xfs'],
  }),
  row('copy-up', 'copy-up-many', 'Union.copyUp of 10,000 files', {
    contender: 'node-aufs Union volatile, all at once',
    against: { contender: 'cp -a --reflink=auto' },
    limit: 0.7,
  }),
  ...rows(
    'store',
    { contender: 'tar -x, sync -f' },
    [['apply-system', 'apply of a root file system', 1]],
    'node-aufs apply',
  ),
  ...rows(
    'store',
    { contender: 'tar -x, sync -f' },
    [['apply-one', 'apply of one 1 GiB file', 1]],
    'node-aufs apply',
  ),
  ...rows(
    'store',
    undefined,
    [['changes-empty', 'changes of an empty layer on 100,000 files', 5 * MS]],
    'node-aufs layer',
  ),
  ...rows('store', undefined, [['create-mount', 'create + mount a container', 10 * MS]], 'node-aufs store'),
];

/** The targets of a suite beside its results, one for each backing that has the case. */
export function judge(suite: string, results: readonly CaseResult[]): Judgement[] {
  return targets
    .filter((target) => target.suite === suite)
    .flatMap((target) =>
      results
        .filter(({ id, backing }) => id === target.case && (target.backings?.includes(backing) ?? true))
        .flatMap((result) => judgeOne(target, result, results)),
    );
}

function judgeOne(target: Target, result: CaseResult, results: readonly CaseResult[]): Judgement[] {
  const { backing, measure } = result;
  const { against, contender } = target;
  const base =
    against?.case === undefined
      ? result
      : results.find((other) => other.backing === backing && other.id === against.case);
  // A quick run has not the case to compare with.
  if (base === undefined) return [];
  const ours = medianOf(result, contender);
  const baseline = against === undefined ? undefined : medianOf(base, against.contender);
  const value = against === undefined ? ours : quotient(ours, baseline);
  // Of one group only: a server that does not sync is no equal of one that does.
  const equals = result.groups.find(({ contenders }) => contenders.includes(contender))?.contenders;
  // Results from before it took part.
  if (equals === undefined) return [];
  const foreign = FOREIGN.filter((name) => equals.includes(name)).flatMap((name) => {
    const share = quotient(ours, medianOf(result, name));
    return share === undefined ? [] : [[name, share] as const];
  });
  return [{ target, backing, measure, ours, baseline, value, foreign: Object.fromEntries(foreign) }];
}

function medianOf({ rows }: CaseResult, name: string): number | undefined {
  return rows.find(({ contender }) => contender === name)?.summary?.median;
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
