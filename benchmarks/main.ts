// SPDX-License-Identifier: MIT
// npm run bench -- NAME [--quick] [--rounds N] [--backing ext4,xfs,btrfs,here]
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type Backing, makeBacking } from './backing.ts';
import type { Case, Sample } from './case.ts';
import { casesOf, SETS } from './cases.ts';
import { CONTENDERS } from './contender.ts';
import { environment } from './environment.ts';
import { type Outcome, table } from './table.ts';

const run = promisify(execFile);
const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    backing: { type: 'string', default: isRoot ? 'ext4,xfs,btrfs' : 'here' },
  },
});
const quick = values.quick;
const rounds = Number(values.rounds ?? (quick ? 2 : 5));
const sets = positionals.length === 0 ? [...SETS] : positionals;

const results: {
  set: string;
  backing: string;
  title: string;
  baseline: string;
  outcomes: readonly Outcome[];
}[] = [];
const facts = environment();
console.log(
  Object.entries(facts)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n'),
);
console.log(
  `${rounds} rounds, interleaved, each in a process of its own; ${isRoot ? 'caches dropped through /proc/sys/vm/drop_caches before each' : 'caches not dropped (needs root), a fresh mount each'}`,
);

for (const name of values.backing.split(',')) {
  let backing: Backing;
  try {
    backing = makeBacking(name);
  } catch (error) {
    console.log(`\n${name}: left out: ${(error as Error).message}`);
    continue;
  }
  const stop = () => {
    backing.remove();
    process.exit(130);
  };
  process.once('SIGINT', stop);
  try {
    for (const set of sets) await runSet(set, backing);
  } finally {
    process.off('SIGINT', stop);
    backing.remove();
  }
}
if (!quick && results.length > 0) save();

async function runSet(set: string, backing: Backing): Promise<void> {
  console.log(`\n## ${set} on ${backing.name}`);
  for (const [number, work] of casesOf(set, quick, backing.path).entries()) {
    const lowers = Array.from({ length: work.depth }, (_, i) => join(backing.path, `l${i}`));
    for (const lower of lowers) mkdirSync(lower);
    work.prepare(lowers);
    const outcomes = await runCase(set, number, work, backing);
    for (const lower of lowers) rmSync(lower, { recursive: true });
    console.log(`\n${table(work.title, work.baseline, outcomes)}`);
    results.push({ set, backing: backing.name, title: work.title, baseline: work.baseline, outcomes });
  }
}

/** Rounds of all contenders in turn, so that drift of the machine meets all alike. */
async function runCase(set: string, number: number, work: Case, backing: Backing): Promise<Outcome[]> {
  const state = CONTENDERS.filter(({ name }) => !work.without.includes(name)).map((contender) => ({
    contender: contender.name,
    samples: [] as Sample[],
    why: contender.missing(),
  }));
  for (let round = 0; round < rounds; round++) {
    for (const entry of state) {
      if (entry.why !== undefined) continue;
      try {
        const args = [
          '--import=tsx',
          worker,
          set,
          String(number),
          entry.contender,
          backing.path,
          quick ? 'quick' : 'full',
        ];
        entry.samples.push(JSON.parse((await run(process.execPath, args)).stdout) as Sample);
      } catch (error) {
        entry.why =
          String((error as { stderr?: string }).stderr ?? error)
            .trim()
            .split('\n')
            .find((line) => line.includes('rror')) ?? 'failed';
      }
    }
  }
  return state;
}

function save(): void {
  const directory = new URL('results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  const path = new URL(`${sets.join('+')}-${facts['date']}.json`, directory);
  writeFileSync(path, `${JSON.stringify({ environment: facts, rounds, results }, undefined, 1)}\n`);
  console.log(`\nsaved as ${fileURLToPath(path)}`);
}
