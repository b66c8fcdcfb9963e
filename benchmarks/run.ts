// SPDX-License-Identifier: MIT
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backing } from './backing.ts';
import { type Summary, summarize } from './statistics.ts';
import type { Case, Fixture, Settings, Suite } from './suite.ts';
import { WorkerClient } from './worker_client.ts';

/** A contender's line: numbers, or why there are none. */
export interface Row {
  readonly contender: string;
  readonly summary?: Summary;
  readonly failure?: string;
}

export interface CaseResult {
  readonly case: Case;
  readonly backing: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

const MIN_ROUNDS = 3;
const MAX_ROUNDS = 15;

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
}

/**
 * Runs all contenders of a case in turns: round by round, each in its own process. The first round is not counted: it
 * fills caches and lets the compiler of Node get warm.
 *
 * @param slice milliseconds that may be used if `rounds` is undefined
 */
export async function runCase(
  suite: Suite,
  benchmark: Case,
  settings: Settings,
  backing: Backing,
  fixtures: Fixtures,
  { rounds, slice }: { readonly rounds: number | undefined; readonly slice: number },
): Promise<CaseResult> {
  const lowers = await fixtures.lowers(benchmark.fixture);
  const contenders = [...new Set(benchmark.groups.flatMap((group) => group.contenders))];
  const place = join(backing.directory, 'run');
  const begin = Date.now();
  const workers = contenders.map(
    (contender, i) =>
      new WorkerClient({
        suite: suite.name,
        title: benchmark.title,
        contender,
        settings,
        directory: join(place, String(i)),
        lowers,
        device: backing.device,
      }),
  );
  let counted = 0;
  try {
    await Promise.all(workers.map((worker) => worker.ready()));
    for (const worker of workers) await worker.round(false);
    for (let more = true; more; ) {
      const roundBegin = Date.now();
      for (const worker of workers) await worker.round(true);
      counted++;
      const now = Date.now();
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
  return { case: benchmark, backing: backing.name, rounds: counted, rows };
}
