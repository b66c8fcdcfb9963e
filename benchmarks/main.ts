// SPDX-License-Identifier: MIT
import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Backing, canUseLoop, openBacking, planSizes } from './backing.ts';
import { describeEnvironment, type Environment } from './environment.ts';
import { isolated } from './isolate.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { saveResults } from './results.ts';
import { type CaseResult, Fixtures, runCase } from './run.ts';
import type { Suite } from './suite.ts';
import { tables } from './table.ts';

const GiB = 2 ** 30;
/** For the cases of a suite; setting up and slow last rounds come on top. */
const TIME = 4.5 * 60 * 1000;

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

async function runSuite(
  suite: Suite,
  options: Options,
  workspace: string,
  signal: AbortSignal,
): Promise<void> {
  const { bavail, bsize } = statfsSync(workspace);
  const { bigFile, image } = planSizes(options.quick, bavail * bsize);
  const settings = { quick: options.quick, bigFile };
  const cases = suite.cases(settings).filter(({ title }) => title.includes(options.filter));
  const kinds = planBackings(suite, options);
  const environment = describeEnvironment();
  printNames(`${suite.name}:`, environment);
  if (options.quick) print('quick: shows that everything works; the numbers mean nothing\n');
  else if (bigFile < GiB) print(`the big file has ${bigFile / 2 ** 20} MiB: no room for 1 GiB\n`);
  const end = Date.now() + TIME;
  const results: CaseResult[] = [];
  const described: Record<string, string> = {};
  for (const [i, kind] of kinds.entries()) {
    let backing: Backing;
    try {
      backing = await openBacking(kind, workspace, image);
    } catch (error) {
      described[kind] = `cannot run: ${error instanceof Error ? error.message : String(error)}`;
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
        const slice = (end - Date.now()) / left;
        const effort = { rounds: options.rounds, slice };
        here.push(await runCase(suite, benchmark, settings, backing, fixtures, effort));
      }
      print(`${tables(here)}\n`);
      results.push(...here);
    } finally {
      await backing.close();
    }
  }
  print(suite.notes.map((note) => `* ${note}`).join('\n'));
  if (options.save && results.length > 0) {
    print(`\nsaved as ${saveResults(suite.name, environment, described, results)}`);
  }
  print('');
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
  const { suites } = options;
  return isolated(fileURLToPath(import.meta.url), args, async (workspace, signal) => {
    try {
      for (const suite of suites) await runSuite(suite, options, workspace, signal);
      return 0;
    } catch (error) {
      if (signal.aborted) return 130;
      throw error;
    }
  });
}

// Not exitCode: the channel to the process outside keeps this one alive.
process.exit(await main(process.argv.slice(2)));
