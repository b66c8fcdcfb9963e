// SPDX-License-Identifier: MIT
// The random walk of walk.test.ts on stacks with several writable branches, with every policy. SEED=n repeats one walk for each.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Call } from '../helpers/agent.ts';
import { seeded, shrink } from '../helpers/random.ts';
import { canMount, has } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { randomStory, tell } from './story.ts';
import { hasMethod, showInProcess } from './union_performer.ts';
import { disagreement, type Shape, type Show, showMount } from './world.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const STEPS = LONG ? 2000 : 120;
const PATIENCE = LONG ? 300_000 : 20_000;
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 20 : 1 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];

const mixed: Shape = { modes: ['rw', 'rw', 'ro+wh', 'rw'] };
const HUGE = 1_000_000_000_000_000;
const SHAPES: readonly Shape[] = [
  mixed,
  { ...mixed, createPolicy: 'rr' },
  { ...mixed, createPolicy: 'mfs:0', copyUpPolicy: 'bup' },
  { ...mixed, createPolicy: `mfsrr:${HUGE}:0`, copyUpPolicy: 'bu' },
  { ...mixed, createPolicy: 'tdmfs:0', diropq: 'a' },
  { ...mixed, createPolicy: 'pmfs', copyUpPolicy: 'bu' },
  { ...mixed, createPolicy: `pmfsrr:${HUGE}`, copyUpPolicy: 'bup', udba: 'reval' },
];

async function walk(t: ExecutionContext, seed: number, show: Show, shape: Shape): Promise<void> {
  t.timeout(600_000);
  const root = join(await temporaryDirectory(t), 'world');
  const whole = randomStory(seeded(seed + 2_000_000), STEPS);
  const story = show === showInProcess ? whole.filter(hasMethod) : whole;
  const found = await disagreement(root, seed, story, show, shape);
  if (found === undefined) {
    t.pass();
    return;
  }
  const fails = async (part: readonly Call[]) =>
    (await disagreement(root, seed, part, show, shape)) !== undefined;
  const shortest = await shrink(story, fails, PATIENCE);
  t.fail(
    `SEED=${seed}\n${found}\n${tell(shortest)}\n${await disagreement(root, seed, shortest, show, shape)}`,
  );
}

const python = has('python3');
const inMount = canMount && python ? test.serial : test.skip;
const inProcess = python ? test.serial : test.skip;
const needs = python ? '' : ' (needs python3)';

for (const shape of SHAPES) {
  for (const seed of SEEDS) {
    const title = `${JSON.stringify(shape)}: a random walk agrees with a plain directory, SEED=${seed}`;
    inMount(`${title}${canMount ? needs : ' (needs /dev/fuse)'}`, (t) => walk(t, seed, showMount, shape));
    inProcess(`in process: ${title}${needs}`, (t) => walk(t, seed, showInProcess, shape));
  }
}
