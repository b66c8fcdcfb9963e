// SPDX-License-Identifier: MIT
import type { Sample } from './case.ts';

/** What a contender did in all rounds, or why it did nothing. */
export interface Outcome {
  readonly contender: string;
  readonly samples: readonly Sample[];
  readonly why?: string | undefined;
}

const MIB = 1024 ** 2;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] =
    sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1, middle + 1);
  return (low + high) / 2;
}

/** Half the range between the slowest and the fastest round, in percent of the median. */
function spread(values: readonly number[]): string {
  const half = (Math.max(...values) - Math.min(...values)) / 2;
  return `±${Math.round((100 * half) / median(values))}%`;
}

function duration(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} us`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(1)} ms` : `${(ns / 1e9).toFixed(2)} s`;
}

/** A table in Markdown: time of one operation, ratio to the baseline, spread, and the rates where there are bytes. */
export function table(title: string, baseline: string, outcomes: readonly Outcome[]): string {
  const times = (outcome: Outcome) => outcome.samples.map(({ ns, operations }) => ns / operations);
  const base = outcomes.find(({ contender, samples }) => contender === baseline && samples.length > 0);
  const unit = base && median(times(base));
  const withBytes = outcomes.some(({ samples }) => (samples[0]?.bytes ?? 0) > 0);
  const rows = outcomes.map((outcome) => {
    const { contender, samples, why } = outcome;
    if (samples.length === 0)
      return [contender, why ?? 'did not run', '', '', ...(withBytes ? ['', ''] : [])];
    const each = median(times(outcome));
    const bytes = (samples[0]?.bytes ?? 0) / (samples[0]?.operations ?? 1);
    const rates = [(1e9 / each).toFixed(0), ((bytes / MIB) * (1e9 / each)).toFixed(0)];
    return [
      contender,
      duration(each),
      unit === undefined ? '' : `${(each / unit).toFixed(2)}x`,
      spread(times(outcome)),
      ...(withBytes ? rates : []),
    ];
  });
  const head = [title, 'median', `vs ${baseline}`, 'spread', ...(withBytes ? ['files/s', 'MB/s'] : [])];
  const widths = head.map((text, i) => Math.max(text.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
