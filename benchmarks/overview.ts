// SPDX-License-Identifier: MIT
import { markdown, quantity, ratio } from './format.ts';
import type { CaseResult } from './run.ts';

/**
 * Tables of ratios of the cases of one backing: a row a case, a column a contender, one table for each set of contenders.
 * The baseline's column has its median. Reasons of those who cannot run follow.
 */
export function overview(cases: readonly CaseResult[]): string[] {
  const tables = new Map<string, string[][]>();
  const reasons = new Set<string>();
  for (const { title, groups, rows, measure } of cases) {
    for (const { title: kind, baseline, contenders } of groups) {
      const others = contenders.filter((name) => name !== baseline);
      const head = [kind === '' ? 'case' : `case, ${kind}`, baseline, ...others];
      const key = head.join();
      const find = (name: string) => rows.find(({ contender }) => contender === name);
      const base = find(baseline)?.summary?.median;
      const cells = others.map((name) => {
        const { summary, failure } = find(name) ?? {};
        if (failure !== undefined) reasons.add(`${name}, ${title}: ${failure}`);
        if (summary === undefined) return '-';
        return base === undefined ? quantity(summary.median, measure) : ratio(summary.median / base);
      });
      const table = tables.get(key) ?? [head];
      table.push([title, base === undefined ? '-' : quantity(base, measure), ...cells]);
      tables.set(key, table);
    }
  }
  const text = [...tables.values()].map(markdown);
  return reasons.size === 0 ? text : [...text, `Could not run: ${[...reasons].join('; ')}.`];
}
