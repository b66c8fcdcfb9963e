// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { barPlot } from '../benchmarks/plot.ts';
import type { CaseResult, Row } from '../benchmarks/run.ts';
import { suites } from '../benchmarks/suites.ts';
import { targetSummary, targetTable } from '../benchmarks/target_table.ts';
import { judge, targets } from '../benchmarks/targets.ts';

const main = fileURLToPath(new URL('../benchmarks/main.ts', import.meta.url));

/** All but one take minutes. */
const LONG = process.env['AUFS_TEST_LONG'] !== undefined;

for (const [name, row] of [
  ['copy-up', 'node-aufs Union'],
  ['data', 'node-aufs mount'],
  ['lookup', 'node-aufs Union'],
  ['mount', 'node-aufs mount'],
  ['programs', 'node-aufs mount'],
  ['store', 'node-aufs apply'],
  ['tree', 'node-aufs mount'],
] as const) {
  const soon = LONG || name === 'mount';
  const why = soon ? '' : ' (minutes, needs AUFS_TEST_LONG)';
  (soon ? test.serial : test.skip)(`the benchmark ${name} runs and gives tables${why}`, (t) => {
    t.timeout(420_000);
    const args = ['--import=tsx', main, name, '--quick', '--rounds', '1', '--backing', 'here'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    t.is(stderr, '');
    t.is(status, 0);
    t.regex(stdout, new RegExp(`\\| ${row} +\\| +[\\d.]+ (ns|us|ms|s)`));
    t.regex(stdout, /^kernel: /m);
    const failed = stdout.split('\n').filter((line) => /\(1\) node-aufs/.test(line));
    t.deepEqual(failed, [], 'every case of ours ran');
  });
}

test('every target names a case and contenders of it', (t) => {
  const settings = { quick: false, bigFile: 2 ** 30 };
  for (const { suite, case: id, contender, against, backings = [] } of targets) {
    const found = suites.find(({ name }) => name === suite);
    const cases = found?.cases(settings) ?? [];
    const takesPart = (name: string, where: string) =>
      cases.find((one) => one.id === where)?.groups.some(({ contenders }) => contenders.includes(name)) ??
      false;
    t.true(takesPart(contender, id), `${suite}/${id}: ${contender}`);
    if (against !== undefined)
      t.true(takesPart(against.contender, against.case ?? id), `${suite}/${id} against ${against.contender}`);
    for (const backing of backings) t.true(found?.backings.includes(backing), `${suite} on ${backing}`);
  }
});

test('ids of cases are unique in their suite, whatever the sizes', (t) => {
  for (const quick of [true, false]) {
    for (const { name, cases } of suites) {
      const ids = cases({ quick, bigFile: 2 ** 25 }).map(({ id }) => id);
      t.deepEqual([...new Set(ids)], ids, name);
    }
  }
});

function measured(contender: string, median: number): Row {
  return {
    contender,
    summary: { median, spread: 0, samples: [median], copies: true, stored: undefined, flushes: undefined },
  };
}

test('a target is met, missed, or not measured; a faster foreign server is marked', (t) => {
  const group = { title: '', baseline: 'overlayfs', contenders: ['node-aufs mount', 'mergerfs'] };
  const result = (id: string, rows: readonly Row[]): CaseResult => ({
    ...{ id, title: id, groups: [group], operations: 1, bytes: 0, backing: 'ext4', rows },
  });
  const judged = judge('tree', [
    result('find-cold', [measured('overlayfs', 100), measured('node-aufs mount', 110)]),
    result('find-fresh', [
      measured('overlayfs', 100),
      measured('node-aufs mount', 190),
      measured('mergerfs', 95),
    ]),
    result('rm', [{ contender: 'overlayfs', failure: 'no' }, measured('node-aufs mount', 1)]),
  ]);
  t.deepEqual(
    judged.map(({ value }) => value),
    [1.1, 1.9, undefined],
  );
  const [, , cold, fresh, rm] = targetTable(judged).split('\n');
  t.regex(cold ?? '', /\| 1\.10x \| +<= 1\.2 \| +met \|/);
  t.regex(fresh ?? '', /\| +\*\*missed\*\* \| .*\*\*2\.00x\*\*/);
  t.regex(rm ?? '', /not measured/);
  t.is(targetSummary(judged), '1 of 2 targets met; faster than a foreign server in 0 of 1 comparisons');
});

test('a plot cuts off what is too long, and says who could not run', (t) => {
  const bars = [
    { label: 'a <b>', value: 1, ours: false },
    { label: 'c', value: 50, ours: true },
    { label: 'd', value: undefined, ours: false },
  ];
  const svg = barPlot({ title: 'work', baseline: 'a', groups: [{ label: '', bars }] });
  t.regex(svg, /^<svg xmlns[\s\S]*<\/svg>\n$/);
  t.true(svg.includes('a &lt;b>') && svg.includes('50.0x (cut off)') && svg.includes('cannot run'));
});
