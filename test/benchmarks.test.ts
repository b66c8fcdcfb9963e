// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const main = fileURLToPath(new URL('../benchmarks/main.ts', import.meta.url));

for (const [name, row] of [
  ['copy-up', 'node-aufs Union'],
  ['lookup', 'node-aufs Union'],
  ['store', 'node-aufs apply'],
] as const) {
  test.serial(`the benchmark ${name} runs and gives a table`, (t) => {
    t.timeout(180_000);
    const args = ['--import=tsx', main, name, '--quick', '--rounds', '1', '--backing', 'here'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    t.is(stderr, '');
    t.is(status, 0);
    t.regex(stdout, new RegExp(`\\| ${row} +\\| +[\\d.]+ (ns|us|ms)`));
    t.regex(stdout, /^kernel: /m);
  });
}
