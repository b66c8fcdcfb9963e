// SPDX-License-Identifier: MIT
// One round of one contender at one case, in a process of its own. Arguments: case set, case number, contender, directory
// with the branches, quick or full. Prints the sample as JSON.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { casesOf } from './cases.ts';
import { CONTENDERS } from './contender.ts';

const [set = '', number = '', name = '', root = '', extent = ''] = process.argv.slice(2);
const work = casesOf(set, extent === 'quick', root)[Number(number)];
const contender = CONTENDERS.find((candidate) => candidate.name === name);
if (work === undefined || contender === undefined)
  throw new Error(`no case ${set} ${number} or contender ${name}`);

const upper = join(root, 'upper');
const target = join(root, 'target');
const lowers = Array.from({ length: work.depth }, (_, i) => join(root, `l${i}`));
for (const path of [upper, target]) mkdirSync(path);
try {
  // What the plain directory changes must not be what the others find.
  const own = join(root, 'own');
  if (name === 'plain directory') cpSync(lowers.at(-1) as string, own, { recursive: true });
  const running = await contender.start({
    upper,
    lowers: name === 'plain directory' ? [own] : lowers,
    target,
  });
  try {
    execFileSync('sync');
    if (process.getuid?.() === 0) writeFileSync('/proc/sys/vm/drop_caches', '3');
    console.log(JSON.stringify(await work.measure(running)));
  } finally {
    await running.stop();
    rmSync(own, { recursive: true, force: true });
  }
} finally {
  for (const path of [upper, `${upper}-work`, target]) rmSync(path, { recursive: true, force: true });
}
