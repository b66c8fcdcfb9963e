// SPDX-License-Identifier: MIT
import { ratio } from './format.ts';

/** Bars of one plot: how many times the baseline's median each contender takes. */
export interface Plot {
  readonly title: string;
  readonly baseline: string;
  readonly groups: readonly { readonly label: string; readonly bars: readonly Bar[] }[];
}

export interface Bar {
  readonly label: string;
  /** Undefined if it could not run. */
  readonly value: number | undefined;
  readonly ours: boolean;
}

const LABELS = 210;
const BARS = 420;
const WIDTH = LABELS + BARS + 70;
const LINE = 18;
/** Longer bars are cut off: they say how much in figures. */
const MOST = 6;

/** A standing-alone SVG image, readable on light and dark pages. */
export function barPlot({ title, baseline, groups }: Plot): string {
  const values = groups.flatMap(({ bars }) =>
    bars.flatMap(({ value }) => (value === undefined ? [] : [value])),
  );
  const scale = BARS / Math.max(1.25, Math.min(MOST, ...[Math.max(1, ...values)]));
  const parts: string[] = [];
  let y = 44;
  for (const { label, bars } of groups) {
    if (label !== '') {
      parts.push(text(8, y + 13, label, 'font-weight="bold"'));
      y += LINE;
    }
    for (const bar of bars) {
      parts.push(...drawBar(bar, y, scale));
      y += LINE;
    }
    y += 6;
  }
  const one = LABELS + scale;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 4}" viewBox="0 0 ${WIDTH} ${y + 4}" ` +
      'font-family="sans-serif" font-size="12">',
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${y + 4}" fill="#fff"/>`,
    text(8, 18, title, 'font-size="14" font-weight="bold"'),
    text(8, 35, `times what ${baseline} takes; shorter is better`, 'fill="#555"'),
    ...parts,
    `<path d="M${one.toFixed(1)} 42V${y}" stroke="#333" stroke-dasharray="3 3"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function drawBar({ label, value, ours }: Bar, y: number, scale: number): string[] {
  const name = text(LABELS - 8, y + 13, label, 'text-anchor="end"');
  if (value === undefined) return [name, text(LABELS + 4, y + 13, 'cannot run', 'fill="#888"')];
  const width = Math.min(value * scale, BARS);
  const cut = value * scale > BARS + 0.5 ? ' (cut off)' : '';
  const color = ours ? '#1b7f5c' : '#9aa7b8';
  return [
    name,
    `<rect x="${LABELS}" y="${y + 2}" width="${width.toFixed(1)}" height="${LINE - 5}" fill="${color}"/>`,
    cut === ''
      ? text(LABELS + width + 5, y + 13, ratio(value))
      : text(LABELS + width - 5, y + 13, `${ratio(value)}${cut}`, 'text-anchor="end" fill="#fff"'),
  ];
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}
