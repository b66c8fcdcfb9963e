// SPDX-License-Identifier: MIT
import type { Measure } from './suite.ts';

const UNITS = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'us'],
] as const;

/** Three significant digits: `1.23 ms`. */
export function time(nanoseconds: number): string {
  const [scale, unit] = UNITS.find(([limit]) => nanoseconds >= limit) ?? ([1, 'ns'] as const);
  return `${digits(nanoseconds / scale)} ${unit}`;
}

/** A median in its unit. */
export function quantity(value: number, measure: Measure | undefined): string {
  return measure === 'memory' ? mebibytes(value) : time(value);
}

export function ratio(value: number): string {
  return `${digits(value)}x`;
}

export function percent(share: number): string {
  return `±${Math.round(share * 100)}%`;
}

/** A count per second or the like, with commas, or three digits if it is small. */
export function amount(value: number): string {
  return value < 100
    ? Number.isInteger(value)
      ? String(value)
      : digits(value)
    : Math.round(value).toLocaleString('en');
}

export function mebibytes(bytes: number): string {
  return `${amount(bytes / 2 ** 20)} MiB`;
}

function digits(value: number): string {
  if (value > 0 && value < 0.095) return Number(value.toPrecision(1)).toString();
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** A Markdown table that can be read as it is; the first column is text, the others are right-aligned. */
export function markdown(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) => {
    const cells = widths.map((width, column) => {
      const cell = row[column] ?? '';
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${cells.join(' | ')} |`;
  };
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.slice(1).map(line)].join('\n');
}
