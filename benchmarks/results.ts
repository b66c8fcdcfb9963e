// SPDX-License-Identifier: MIT
import { mkdirSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from './environment.ts';
import type { CaseResult } from './run.ts';

const directory = fileURLToPath(new URL('results', import.meta.url));

/**
 * Writes results/NAME-DATE.json, over one of the same day: times in nanoseconds per operation, rounded to four digits.
 *
 * @returns its path.
 */
export function saveResults(
  name: string,
  environment: Environment,
  backings: Environment,
  results: readonly CaseResult[],
): string {
  const cases = results.map(({ case: { title, operations, bytes, groups }, backing, rounds, rows }) => ({
    title,
    backing,
    rounds,
    operations,
    bytes,
    baselines: groups.map(({ baseline }) => baseline),
    rows: rows.map(({ contender, failure, summary }) => {
      if (summary === undefined) return { contender, failure };
      const { median, spread, samples, stored, flushes } = summary;
      return {
        contender,
        median: round(median),
        spread: round(spread),
        samples: samples.map(round),
        flushes: flushes === undefined ? undefined : round(flushes),
        stored,
      };
    }),
  }));
  mkdirSync(directory, { recursive: true });
  const path = `${directory}/${name}-${environment['date']?.slice(0, 10)}.json`;
  // A line a row: small, and a diff of two runs can be read.
  const lines = cases.map(({ rows, ...rest }) => {
    const list = rows.map((row) => `      ${JSON.stringify(row)}`).join(',\n');
    return `    ${JSON.stringify(rest).slice(0, -1)}, "rows": [\n${list}\n    ]}`;
  });
  const head = JSON.stringify({ name, environment, backings }, null, 2).slice(0, -2);
  writeFileSync(path, `${head},\n  "cases": [\n${lines.join(',\n')}\n  ]\n}\n`);
  return relative(process.cwd(), path);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
