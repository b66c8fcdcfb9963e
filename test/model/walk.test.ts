// SPDX-License-Identifier: MIT
// Random calls to a union and to a plain directory that holds the same: the same answers, the same trees, also after
// mounting again; and afterwards the writable branch is a layer that tells the change, and no lower branch has changed.
// The plain directory is the model: a kernel knows better than a map in memory what a call has to answer.
// SEED=n repeats one walk and tells the shortest story that still fails; AUFS_TEST_LONG=1 walks longer.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Call } from '../helpers/agent.ts';
import { seeded, shrink } from '../helpers/random.ts';
import { canMount, has } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { randomStory, tell } from './story.ts';
import { hasMethod, showInProcess } from './union_performer.ts';
import { disagreement, type Show, showMount } from './world.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const STEPS = LONG ? 2000 : 350;
const PATIENCE = LONG ? 300_000 : 20_000;
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 60 : 6 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];

async function walk(t: ExecutionContext, seed: number, show: Show): Promise<void> {
  t.timeout(600_000);
  const root = join(await temporaryDirectory(t), 'world');
  const whole = randomStory(seeded(seed + 1_000_000), STEPS);
  const story = show === showInProcess ? whole.filter(hasMethod) : whole;
  const found = await disagreement(root, seed, story, show);
  if (found === undefined) {
    t.pass();
    return;
  }
  const fails = async (part: readonly Call[]) => (await disagreement(root, seed, part, show)) !== undefined;
  const shortest = await shrink(story, fails, PATIENCE);
  t.fail(`SEED=${seed}\n${found}\n${tell(shortest)}\n${await disagreement(root, seed, shortest, show)}`);
}

const python = has('python3');
const inMount = canMount && python ? test.serial : test.skip;
const inProcess = python ? test.serial : test.skip;
const needs = python ? '' : ' (needs python3)';

for (const seed of SEEDS) {
  const title = `a random walk agrees with a plain directory, SEED=${seed}`;
  inMount(`${title}${canMount ? needs : ' (needs /dev/fuse)'}`, (t) => walk(t, seed, showMount));
  inProcess(`in process: ${title}${needs}`, (t) => walk(t, seed, showInProcess));
}
