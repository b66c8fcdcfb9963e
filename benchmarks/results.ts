// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from './environment.ts';
import type { CaseResult } from './run.ts';

const directory = fileURLToPath(new URL('results', import.meta.url));

/** A run of one suite. */
export interface Results {
  readonly name: string;
  readonly environment: Environment;
  /** What each backing is made of, or why there was none. */
  readonly backings: Environment;
  readonly cases: readonly CaseResult[];
}

/**
 * Writes results/NAME-DATE.json, over one of the same day: nanoseconds per operation (or bytes), rounded to four digits.
 *
 * @returns its path.
 */
export function saveResults({ name, environment, backings, cases }: Results): string {
  mkdirSync(directory, { recursive: true });
  const path = `${directory}/${name}-${environment['date']?.slice(0, 10)}.json`;
  // A line a row: small, and a diff of two runs can be read.
  const blocks = cases.map(({ rows, ...facts }) => {
    const list = rows.map((row) => `      ${JSON.stringify(row, shortened)}`).join(',\n');
    return `    ${JSON.stringify(facts).slice(0, -1)}, "rows": [\n${list}\n    ]}`;
  });
  const head = JSON.stringify({ name, environment, backings }, null, 2).slice(0, -2);
  writeFileSync(path, `${head},\n  "cases": [\n${blocks.join(',\n')}\n  ]\n}\n`);
  return relative(process.cwd(), path);
}

/** The newest saved run of the suite, if there is one. */
export function loadResults(name: string): Results | undefined {
  if (!existsSync(directory)) return undefined;
  const isRun = new RegExp(`^${name}-\\d{4}-\\d\\d-\\d\\d\\.json$`);
  const newest = readdirSync(directory)
    .filter((file) => isRun.test(file))
    .sort()
    .at(-1);
  if (newest === undefined) return undefined;
  return JSON.parse(readFileSync(`${directory}/${newest}`, 'utf8')) as Results;
}

function shortened(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
