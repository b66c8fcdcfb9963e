// SPDX-License-Identifier: MIT
// Several processes make random calls in one mount at the same time. What comes of it nobody can say, but a new mount shows the
// same, the writable branch tells the change, and nothing below has changed. SEED=n repeats one.
import { join } from 'node:path';
import test from 'ava';
import { seeded } from '../helpers/random.ts';
import { canMount, has } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { randomCall } from './story.ts';
import { confusion } from './world.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const PROCESSES = 6;
const STEPS = LONG ? 2000 : 500;
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 100 : 5 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];
/** Two of a mapping and a truncation kill the process (SIGBUS); a fifo is read by whoever is first. */
const LEFT_OUT: ReadonlySet<string> = new Set(['mmap', 'mkfifo']);

const possible = canMount && has('python3');
const why = possible ? '' : ' (needs /dev/fuse and python3)';

for (const seed of SEEDS) {
  (possible ? test.serial : test.skip)(
    `what ${PROCESSES} processes leave is sound, SEED=${seed}${why}`,
    async (t) => {
      t.timeout(300_000);
      const stories = Array.from({ length: PROCESSES }, (_, i) => {
        const pick = seeded(seed * 1000 + i);
        return Array.from({ length: STEPS }, () => randomCall(pick)).filter(({ op }) => !LEFT_OUT.has(op));
      });
      const found = await confusion(join(await temporaryDirectory(t), 'world'), seed, stories);
      t.is(found, undefined, `SEED=${seed}\n${found}`);
    },
  );
}
