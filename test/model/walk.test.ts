// SPDX-License-Identifier: MIT
// Random calls to a union and to a plain directory that holds the same: the same answers, the same trees, also after
// mounting again; and afterwards the writable branch is a layer that tells the change, and no lower branch has changed.
// The plain directory is the model: a kernel knows better than a map in memory what a call has to answer.
// SEED=n repeats one walk and tells the shortest story that still fails; AUFS_TEST_LONG=1 walks longer.
import { join } from 'node:path';
import test from 'ava';
import { canMount, has } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { showInProcess } from './union_performer.ts';
import { walk } from './walk.ts';
import { showMount } from './world.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const HOW = { steps: LONG ? 2000 : 350, patience: LONG ? 300_000 : 20_000 };
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 60 : 6 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];

const python = has('python3');
const inMount = canMount && python ? test.serial : test.skip;
const inProcess = python ? test.serial : test.skip;
const needs = python ? '' : ' (needs python3)';

for (const seed of SEEDS) {
  const title = `a random walk agrees with a plain directory, SEED=${seed}`;
  inMount(`${title}${canMount ? needs : ' (needs /dev/fuse)'}`, async (t) =>
    walk(t, join(await temporaryDirectory(t), 'world'), { ...HOW, seed, show: showMount }),
  );
  inProcess(`in process: ${title}${needs}`, async (t) =>
    walk(t, join(await temporaryDirectory(t), 'world'), { ...HOW, seed, show: showInProcess }),
  );
}
