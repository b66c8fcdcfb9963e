// SPDX-License-Identifier: MIT
import { amount, markdown, mebibytes, percent, quantity, ratio } from './format.ts';
import type { CaseResult, Row } from './run.ts';
import type { Group } from './suite.ts';

const NONE = '-';

/** All tables of one backing: one for each group of a case, or one for a whole series. */
export function tables(results: readonly CaseResult[]): string {
  const blocks: string[] = [];
  const seen = new Set<string>();
  for (const result of results) {
    const series = result.series?.title;
    if (series === undefined) {
      blocks.push(...result.groups.map((group) => caseTable(result, group)));
    } else if (!seen.has(series)) {
      seen.add(series);
      blocks.push(seriesTable(results.filter((other) => other.series?.title === series)));
    }
  }
  return blocks.join('\n\n');
}

/** A row a contender; time per operation, and what it is of the baseline. */
function caseTable(result: CaseResult, { title, baseline, contenders }: Group): string {
  const { operations, bytes } = result;
  const rows = rowsOf(result, contenders);
  const base = rows.find(({ contender }) => contender === baseline)?.summary?.median;
  const many = operations > 1;
  const stored = rows.some(({ summary }) => summary?.stored !== undefined);
  const flushes = bytes > 0 && rows.some(({ summary }) => summary?.flushes !== undefined);
  const head = [
    heading([result.title, title, result.backing]),
    many ? 'median of one' : 'median',
    `vs ${baseline}`,
    'spread',
    ...(bytes > 0 ? ['MB/s'] : []),
    ...(many ? ['a second'] : []),
    ...(flushes ? [many ? 'flushes of one' : 'flushes'] : []),
    ...(stored ? ['on disk'] : []),
  ];
  const lines = rows.map(({ contender, summary }) => {
    if (summary === undefined) return [contender, 'cannot run (1)'];
    const { median, spread, copies } = summary;
    return [
      contender,
      quantity(median, result.measure),
      base === undefined ? NONE : ratio(median / base),
      percent(spread),
      ...(bytes > 0 ? [copies ? amount(bytes / operations / (median / 1e9) / 1e6) : NONE] : []),
      ...(many ? [amount(1e9 / median)] : []),
      ...(flushes ? [summary.flushes === undefined ? NONE : amount(summary.flushes)] : []),
      ...(stored ? [summary.stored === undefined ? NONE : mebibytes(summary.stored)] : []),
    ];
  });
  return withReasons(markdown([head, ...lines]), rows);
}

/** A row a contender, a column a case; the last column is how the last case compares with the first. */
function seriesTable(results: readonly CaseResult[]): string {
  const [first] = results;
  const [group] = first?.groups ?? [];
  if (first === undefined || group === undefined) return '';
  const { baseline, contenders } = group;
  const last = results.at(-1);
  const columns = results.map((result) => result.series?.column ?? '');
  const growth = results.length > 1 && results.every(({ series }) => /^\d/.test(series?.column ?? ''));
  const head = [
    `${heading([first.series?.title ?? '', first.backing])} (vs ${baseline})`,
    ...columns.flatMap((column) => [column, 'ratio', 'spread']),
    ...(growth ? [`${number(columns.at(-1))} / ${number(columns[0])}`] : []),
  ];
  const find = (result: CaseResult | undefined, name: string) =>
    result?.rows.find(({ contender }) => contender === name)?.summary;
  const lines = contenders.map((name) => {
    const cells = results.flatMap((result) => {
      const summary = find(result, name);
      const base = find(result, baseline)?.median;
      if (summary === undefined) return ['cannot run (1)', NONE, NONE];
      const relation = base === undefined ? NONE : ratio(summary.median / base);
      return [quantity(summary.median, result.measure), relation, percent(summary.spread)];
    });
    const [from, to] = [find(first, name)?.median, find(last, name)?.median];
    const times = from === undefined || to === undefined ? NONE : ratio(to / from);
    return [name, ...cells, ...(growth ? [times] : [])];
  });
  const rows = results.flatMap((result) => rowsOf(result, contenders));
  return withReasons(markdown([head, ...lines]), rows);
}

/** `128` of `128 branches`. */
function number(column = ''): string {
  return column.split(' ')[0] ?? '';
}

function rowsOf({ rows }: CaseResult, contenders: readonly string[]): Row[] {
  return contenders.flatMap((name) => rows.filter(({ contender }) => contender === name));
}

function heading(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

/** The table, the number of rounds, and why somebody is missing. */
function withReasons(table: string, rows: readonly Row[]): string {
  const counts = rows.flatMap(({ summary }) => (summary === undefined ? [] : [summary.samples.length]));
  const [low, high] = counts.length === 0 ? [0, 0] : [Math.min(...counts), Math.max(...counts)];
  const rounds = `${low === high ? low : `${low} to ${high}`} ${high === 1 ? 'round' : 'rounds'}`;
  const reasons = rows.flatMap(({ contender, failure }) =>
    failure === undefined ? [] : [`(1) ${contender}: ${failure}`],
  );
  return [table, '', [rounds, ...new Set(reasons)].join('; ')].join('\n');
}
