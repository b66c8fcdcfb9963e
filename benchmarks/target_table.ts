// SPDX-License-Identifier: MIT
import { markdown, quantity, ratio, time } from './format.ts';
import { FOREIGN, FOREIGN_LIMIT, type Judgement } from './targets.ts';

const NONE = '-';

/** A row for each target: what is promised, what was measured. Foreign servers that are faster are marked. */
export function targetTable(judged: readonly Judgement[]): string {
  const head = [
    'work',
    'on',
    'node-aufs',
    'against',
    'its',
    'ratio',
    'target',
    '',
    ...FOREIGN.map((name) => `vs ${name}`),
  ];
  const lines = judged.map(({ target, backing, measure, ours, baseline, value, foreign }) => {
    const { against, limit, work } = target;
    const other = against?.case === undefined ? against?.contender : `itself, ${against.case}`;
    return [
      work,
      backing,
      ours === undefined ? 'cannot run' : quantity(ours, measure),
      other ?? NONE,
      baseline === undefined ? NONE : quantity(baseline, measure),
      against === undefined || value === undefined ? NONE : ratio(value),
      `<= ${against === undefined ? time(limit) : limit}`,
      verdict(value, limit),
      ...FOREIGN.map((name) => share(foreign[name])),
    ];
  });
  return markdown([head, ...lines]);
}

/** The same in short, of one file system. */
export function shortTable(judged: readonly Judgement[], backing: string): string {
  const lines = judged
    .filter((one) => one.backing === backing)
    .map(({ target: { against, limit, work }, value }) => [
      work,
      against === undefined ? '' : (against.contender ?? ''),
      value === undefined ? 'not measured' : against === undefined ? time(value) : ratio(value),
      against === undefined ? time(limit) : String(limit),
    ]);
  return markdown([['work', 'against', 'node-aufs', 'target, at most'], ...lines]);
}

/** One line: how many are met. */
export function targetSummary(judged: readonly Judgement[]): string {
  const measured = judged.flatMap(({ value, target }) =>
    value === undefined ? [] : [value <= target.limit],
  );
  const met = measured.filter(Boolean).length;
  const shares = judged.flatMap(({ foreign }) => Object.values(foreign));
  const faster = shares.filter((value) => value <= FOREIGN_LIMIT).length;
  return (
    `${met} of ${measured.length} targets met; ` +
    `faster than a foreign server in ${faster} of ${shares.length} comparisons`
  );
}

function verdict(value: number | undefined, limit: number): string {
  if (value === undefined) return 'not measured';
  return value <= limit ? 'met' : '**missed**';
}

function share(value: number | undefined): string {
  if (value === undefined) return NONE;
  return value <= FOREIGN_LIMIT ? ratio(value) : `**${ratio(value)}**`;
}
