// SPDX-License-Identifier: MIT
// Two threads ask the kernel for requests as long as that is enough; the others wait apart, and are there when it is not.
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { serverOf, until } from '../helpers/server.ts';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';

const why = canMount ? '' : ' (needs /dev/fuse)';
const here = canMount ? test : test.skip;
// A mount for a mount to look into.
const nested = canMount && isRoot ? test : test.skip;
const whyNotNested = isRoot ? why : ' (needs root)';

/** Asks one thing after the other for so long. */
function askFor(stage: Stage, ms: number): void {
  for (const end = Date.now() + ms; Date.now() < end; )
    statSync(stage.at(`absent${Math.random()}`), { throwIfNoEntry: false });
}

here(`all threads but two are parked, also while somebody is busy${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const mounted = await stage.mount();
  const parked = async () => {
    const { threads, parkedThreads, uring } = await mounted.stats();
    return uring ? parkedThreads === 0 : parkedThreads === threads - 2;
  };
  t.true(await until(parked));
  t.true(
    await until(async () => {
      askFor(stage, 50);
      return parked();
    }),
  );
});

nested(`requests that wait for a branch do not keep others waiting${whyNotNested}`, async (t) => {
  const names = Array.from({ length: 50 }, (_, i) => `there${i}`);
  const below = await Stage.create(t, {}, { deep: 'lower', deeper: 'lower' });
  const above = await Stage.create(t, { own: Object.fromEntries(names.map((name) => [name, name])) });
  await below.mount();
  const mounted = await above.mount({ branches: [above.upper, below.target] });
  const { threads, uring } = await mounted.stats();
  await stat(above.at('own/absent')).catch(() => undefined); // from now on it is known that this is in one branch
  const server = serverOf(below).worker;
  process.kill(server, 'SIGSTOP');
  t.teardown(() => process.kill(server, 'SIGCONT'));
  const waiting = ['deep', 'deeper'].map((name) => run('stat', [above.at(name)]));
  await sleep(100);
  for (const name of names)
    t.is((await run('stat', ['-c', '%s', above.at(`own/${name}`)])).stdout, `${name.length}\n`);
  // Two wait for the branch, and one for requests.
  if (!uring) t.true(await until(async () => (await mounted.stats()).parkedThreads <= threads - 3));
  process.kill(server, 'SIGCONT');
  await Promise.all(waiting);
  t.true(
    await until(async () => {
      askFor(above, 50);
      return (await mounted.stats()).parkedThreads === (uring ? 0 : threads - 2);
    }),
  );
});
