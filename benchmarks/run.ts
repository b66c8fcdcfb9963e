// SPDX-License-Identifier: MIT
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backing } from './backing.ts';
import { type Summary, summarize } from './statistics.ts';
import type { Case, CaseFacts, Fixture, Settings, Suite } from './suite.ts';
import { WorkerClient } from './worker_client.ts';

/** A contender's line: numbers, or why there are none. */
export interface Row {
  readonly contender: string;
  readonly summary?: Summary;
  readonly failure?: string;
}

/** What a case came to on one backing. Plain data, as it is kept in results/. */
export interface CaseResult extends CaseFacts {
  readonly backing: string;
  readonly rows: readonly Row[];
}

const MIN_ROUNDS = 3;
const MAX_ROUNDS = 15;
/** Milliseconds, for one case: what is late already is not measured worse than that. */
const LEAST_SLICE = 2000;

/** The fixtures of one backing. */
export class Fixtures {
  readonly #root: string;
  readonly #built = new Map<string, readonly string[]>();

  constructor(root: string) {
    this.#root = root;
  }

  async lowers({ name, build }: Fixture): Promise<readonly string[]> {
    const known = this.#built.get(name);
    if (known !== undefined) return known;
    const directory = join(this.#root, name);
    mkdirSync(directory, { recursive: true });
    const lowers = await build(directory);
    this.#built.set(name, lowers);
    return lowers;
  }

  /** Makes room: a later case that names it has it built again. */
  remove({ name }: Fixture): void {
    rmSync(join(this.#root, name), { recursive: true, force: true });
    this.#built.delete(name);
  }
}

/** How much is measured: exactly so many rounds, or as many as fit in so many milliseconds. */
export interface Effort {
  readonly rounds: number | undefined;
  readonly slice: number;
}

/**
 * Runs all contenders of a case in turns: round by round, each in its own process. The first round is not counted: it
 * fills caches and lets the compiler of Node get warm. Baselines and node-aufs have at least three more. Anybody else
 * has none after it has used up twice its share of the time, and if that was the first one, it is counted.
 */
export async function runCase(
  suite: Suite,
  benchmark: Case,
  settings: Settings,
  backing: Backing,
  fixtures: Fixtures,
  { rounds, slice }: Effort,
): Promise<CaseResult> {
  const begin = performance.now();
  const lowers = await fixtures.lowers(benchmark.fixture);
  const contenders = [...new Set(benchmark.groups.flatMap((group) => group.contenders))];
  const place = join(backing.directory, 'run');
  const { device } = backing;
  const workers = contenders.map((contender, i) => {
    const directory = join(place, String(i));
    return new WorkerClient({
      suite: suite.name,
      id: benchmark.id,
      contender,
      settings,
      directory,
      lowers,
      device,
    });
  });
  const share = Math.max(slice, LEAST_SLICE) / workers.length;
  const mustRun = essential(benchmark);
  const takesPart = (worker: WorkerClient) =>
    rounds !== undefined ||
    (mustRun(worker.contender) && worker.samples.length < MIN_ROUNDS) ||
    worker.spent + worker.lastRound <= 2 * share;
  try {
    await Promise.all(workers.map((worker) => worker.ready()));
    for (const worker of workers) await worker.round(false);
    for (const worker of workers) if (!takesPart(worker)) worker.keepLast();
    for (let counted = 0, more = true; more; ) {
      const roundBegin = performance.now();
      for (const worker of workers) if (takesPart(worker)) await worker.round(true);
      counted++;
      const now = performance.now();
      const fits = now - begin + (now - roundBegin) <= slice;
      more = rounds === undefined ? counted < MIN_ROUNDS || (counted < MAX_ROUNDS && fits) : counted < rounds;
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
    rmSync(place, { recursive: true, force: true });
  }
  const rows = workers.map(({ contender, samples, failure }): Row => {
    if (failure !== undefined) return { contender, failure };
    return { contender, summary: summarize(samples, benchmark.operations) };
  });
  return { ...factsOf(benchmark), backing: backing.name, rows };
}

/** Who the case is about. */
function essential({ groups }: Case): (contender: string) => boolean {
  return (name) => name.startsWith('node-aufs') || groups.some(({ baseline }) => baseline === name);
}

/** The result of a case that could not even begin. */
export function failedCase(benchmark: Case, backing: string, failure: string): CaseResult {
  const contenders = new Set(benchmark.groups.flatMap((group) => group.contenders));
  return {
    ...factsOf(benchmark),
    backing,
    rows: [...contenders].map((contender) => ({ contender, failure })),
  };
}

function factsOf({ id, title, series, groups, operations, bytes, measure = 'time' }: Case): CaseFacts {
  return { id, title, ...(series ? { series } : {}), groups, operations, bytes, measure };
}
