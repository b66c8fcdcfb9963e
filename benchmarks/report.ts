// SPDX-License-Identifier: MIT
// Puts the newest results of each suite into docs/performance.md, between its markers, with a plot of each case beside it, and a short
// table into README.md.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { overview } from './overview.ts';
import { barPlot, type Plot } from './plot.ts';
import { loadResults, type Results } from './results.ts';
import type { CaseResult } from './run.ts';
import type { Group } from './suite.ts';
import { suites } from './suites.ts';
import { shortTable, targetSummary, targetTable } from './target_table.ts';
import { judge } from './targets.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const PAGE = join(docs, 'performance.md');
const README = join(docs, '../README.md');
/** Of the file system that the short table is of. */
const SHORT = 'ext4';
const PLOTS = 'plots';
/** A load from which on rounds disturb each other. */
const BUSY = 1;

function main(): void {
  const runs = suites.flatMap(({ name }) => loadResults(name) ?? []);
  const plots = join(docs, PLOTS);
  rmSync(plots, { recursive: true, force: true });
  mkdirSync(plots, { recursive: true });
  const judged = runs.flatMap(({ name, cases }) => judge(name, cases));
  replaceIn(PAGE, 'targets', `${targetSummary(judged)}.\n\n${targetTable(judged)}`);
  replaceIn(PAGE, 'results', runs.map(section).join('\n\n'));
  replaceIn(README, 'short table', shortTable(judged, SHORT));
}

/** What a suite came to: the machine, a table of ratios for each backing, the plots of the first one. */
function section({ name, environment, backings, cases }: Results): string {
  const { date = '', commit, kernel, cpu, load, fuse = 'enable_uring=N' } = environment;
  const lines = [
    `### ${name}`,
    `${date.slice(0, 10)}, commit ${commit}, Linux ${kernel}, ${cpu}, load ${load} at the start, fuse ${fuse}.`,
  ];
  if (Number(load) > BUSY)
    lines.push(
      'The machine was busy with other work: these numbers are rough, those of one round most of all.',
    );
  for (const backing of new Set(cases.map((result) => result.backing))) {
    lines.push(`On ${backing}: ${backings[backing]}`);
    lines.push(...overview(cases.filter((result) => result.backing === backing)));
  }
  const first = cases.filter(({ backing }) => backing === cases[0]?.backing);
  const links = plotsOf(first).map(([id, plot]) => {
    const file = `${name}-${id}.svg`;
    writeFileSync(join(docs, PLOTS, file), barPlot(plot));
    return `[${plot.title}](${PLOTS}/${file})`;
  });
  return [...lines, `Plots: ${links.join(' · ')}`].join('\n\n');
}

/** One for each case, or for each series of them. */
function plotsOf(cases: readonly CaseResult[]): (readonly [string, Plot])[] {
  const seen = new Set<string>();
  return cases.flatMap((result) => {
    const title = result.series?.title ?? result.title;
    if (seen.has(title)) return [];
    seen.add(title);
    const [group] = result.groups;
    if (group === undefined) return [];
    if (result.series === undefined) {
      const groups = result.groups.map((each) => ({ label: each.title, bars: bars(result, each) }));
      const baseline = result.groups.length === 1 ? group.baseline : 'the first of each group';
      return [[result.id, { title, baseline, groups }] as const];
    }
    const members = cases.filter(({ series }) => series?.title === title);
    const groups = members.map((each) => ({ label: each.series?.column ?? '', bars: bars(each, group) }));
    return [[result.id.replace(/-[^-]*$/, ''), { title, baseline: group.baseline, groups }] as const];
  });
}

function bars({ rows }: CaseResult, { baseline, contenders }: Group): Plot['groups'][number]['bars'] {
  const find = (name: string) => rows.find(({ contender }) => contender === name)?.summary?.median;
  const base = find(baseline) ?? Number.NaN;
  return contenders.map((label) => {
    const value = find(label);
    return {
      label,
      value: value === undefined ? undefined : value / base,
      ours: label.startsWith('node-aufs'),
    };
  });
}

/** What stands between the two markers of that name becomes `content`. */
function replaceIn(page: string, name: string, content: string): void {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- ${name}: made by npm run bench:report -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no markers for ${name}`);
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`);
}

main();
