// SPDX-License-Identifier: MIT
import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Backing, canUseLoop, openBacking, planSizes } from './backing.ts';
import { describeEnvironment, type Environment } from './environment.ts';
import { isolated } from './isolate.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { saveResults } from './results.ts';
import { type CaseResult, Fixtures, failedCase, runCase } from './run.ts';
import type { Suite } from './suite.ts';
import { tables } from './table.ts';
import { targetSummary, targetTable } from './target_table.ts';
import { type Judgement, judge } from './targets.ts';

const GiB = 2 ** 30;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printNames(title: string, names: Environment): void {
  const lines = Object.entries(names).map(([name, value]) => `${name}: ${value}`);
  print([title, ...lines, ''].join('\n'));
}

function planBackings(suite: Suite, { backings, quick }: Options): readonly string[] {
  if (backings !== undefined) return backings;
  if (!canUseLoop()) return ['here'];
  return quick ? suite.backings.slice(0, 1) : suite.backings;
}

/** A suite, and until when it may take. */
interface Turn {
  readonly suite: Suite;
  readonly end: number;
}

async function runSuite(
  { suite, end }: Turn,
  options: Options,
  workspace: string,
  signal: AbortSignal,
): Promise<readonly CaseResult[]> {
  const { bavail, bsize } = statfsSync(workspace);
  const { bigFile, image } = planSizes(options.quick, bavail * bsize);
  const settings = { quick: options.quick, bigFile };
  const cases = suite.cases(settings).filter(({ title }) => title.includes(options.filter));
  const kinds = planBackings(suite, options);
  const environment = describeEnvironment();
  printNames(`${suite.name}:`, environment);
  if (options.quick) print('quick: shows that everything works; the numbers mean nothing\n');
  else if (bigFile < GiB) print(`the big file has ${bigFile / 2 ** 20} MiB: no room for 1 GiB\n`);
  const results: CaseResult[] = [];
  const described: Record<string, string> = {};
  for (const [i, kind] of kinds.entries()) {
    let backing: Backing;
    try {
      backing = await openBacking(kind, workspace, image);
    } catch (error) {
      described[kind] = `cannot run: ${message(error)}`;
      printNames('backing:', { [kind]: described[kind] });
      continue;
    }
    try {
      described[backing.name] = backing.description;
      printNames('backing:', { [backing.name]: backing.description });
      const fixtures = new Fixtures(backing.directory);
      const here: CaseResult[] = [];
      for (const [j, benchmark] of cases.entries()) {
        signal.throwIfAborted();
        const left = (kinds.length - i) * cases.length - j;
        const effort = { rounds: options.rounds, slice: (end - performance.now()) / left };
        const begin = performance.now();
        const result = await runCase(suite, benchmark, settings, backing, fixtures, effort).catch(
          (error: unknown) => failedCase(benchmark, backing.name, message(error)),
        );
        here.push(result);
        const { fixture } = benchmark;
        if (!cases.slice(j + 1).some((later) => later.fixture.name === fixture.name))
          fixtures.remove(fixture);
        const seconds = Math.round((performance.now() - begin) / 1000);
        print(
          `[${i * cases.length + j + 1}/${kinds.length * cases.length}] ${benchmark.title}: ${seconds} s`,
        );
      }
      print(`\n${tables(here)}\n`);
      results.push(...here);
    } finally {
      await backing.close();
    }
  }
  print(suite.notes.map((note) => `* ${note}`).join('\n'));
  if (options.save && results.length > 0) {
    const saved = saveResults({ name: suite.name, environment, backings: described, cases: results });
    print(`\nsaved as ${saved}`);
  }
  print('');
  return results;
}

function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** Suites share the time by their weight; what one leaves is for those after it. */
async function runAll(options: Options, workspace: string, signal: AbortSignal): Promise<void> {
  const { suites, minutes } = options;
  const end = performance.now() + minutes * 60_000;
  const judged: Judgement[] = [];
  for (const [i, suite] of suites.entries()) {
    const left = suites.slice(i).reduce((sum, { weight }) => sum + weight, 0);
    const now = performance.now();
    const turn = { suite, end: now + ((end - now) * suite.weight) / left };
    judged.push(...judge(suite.name, await runSuite(turn, options, workspace, signal)));
  }
  if (judged.length > 0) print(`${targetTable(judged)}\n\n${targetSummary(judged)}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 64;
  }
  if (options === undefined) {
    print(usage);
    return 0;
  }
  return isolated(fileURLToPath(import.meta.url), args, async (workspace, signal) => {
    try {
      await runAll(options, workspace, signal);
      return 0;
    } catch (error) {
      if (signal.aborted) return 130;
      throw error;
    }
  });
}

// Not exitCode: the channel to the process outside keeps this one alive.
process.exit(await main(process.argv.slice(2)));
