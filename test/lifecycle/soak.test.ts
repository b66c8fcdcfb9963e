// SPDX-License-Identifier: MIT
// What the server holds depends on what the kernel remembers, not on how much was looked at: memory of forgotten nodes goes back to the
// system; and ten million look-ups, after each 50,000 of which the kernel is made to forget, of other mounts too (AUFS_TEST_LONG=1; minutes).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const DIRECTORIES = 500;
const FILES = 100;
const LOOKUPS = 10_000_000;

const mounting = canMount && isRoot ? test.serial : test.skip;
const soaking = LONG ? mounting : test.skip;
const why = LONG && canMount && isRoot ? '' : ' (minutes, needs AUFS_TEST_LONG, root and /dev/fuse)';

/** Kilobytes of its own that the process has in memory. */
function ownMemory(pid: number): number {
  return Number(/^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** A mount of `directories * FILES` empty lower files. */
async function mountMany(t: ExecutionContext, directories: number) {
  const stage = await Stage.create(t, {}, {});
  const names = Array.from({ length: directories * FILES }, (_, i) => `d${i % directories}/f${i}`);
  const lower = stage.lowers[0] as string;
  for (let i = 0; i < directories; i++) mkdirSync(join(lower, `d${i}`));
  for (const name of names) writeFileSync(join(lower, name), '');
  const mounted = await stage.mount();
  return { stage, names, mounted, pid: (await mounted.stats()).pid };
}

mounting('memory of what the kernel has forgotten is given back', async (t) => {
  const { stage, names, mounted, pid } = await mountMany(t, 300);
  const nodes = async () => (await mounted.stats()).nodes;
  const seen: { full: number; forgotten: number }[] = [];
  // The second time, because what the server itself remembers of the forgotten (file handles lead to it) has its size by then.
  for (let round = 0; round < 2; round++) {
    await run('find', [stage.target, '-size', '+1000000']);
    t.true((await nodes()) > names.length);
    const full = ownMemory(pid);
    await run('mount', ['-i', '-o', 'remount', stage.target]); // drops what the kernel remembers of this mount alone
    while ((await nodes()) > names.length / 10) await setTimeout(10);
    const deadline = Date.now() + 5000;
    while (round > 0 && ownMemory(pid) > full * 0.9 && Date.now() < deadline) await setTimeout(100);
    seen.push({ full, forgotten: ownMemory(pid) });
  }
  t.log(JSON.stringify(seen), 'kB');
  const [, last] = seen;
  t.true((last?.forgotten ?? 0) <= (last?.full ?? 0) * 0.9);
});

soaking(
  `${LOOKUPS.toLocaleString('en')} look-ups leave the server as large as the first ones${why}`,
  async (t) => {
    t.timeout(1_200_000);
    const { stage, names, mounted, pid } = await mountMany(t, DIRECTORIES);
    const seen: { memory: number; descriptors: number; nodes: number }[] = [];
    for (let done = 0; done < LOOKUPS; done += names.length) {
      await run('find', [stage.target, '-size', '+1000000']);
      // Each name for itself too, a few of them absent.
      for (let i = 0; i < 200; i++) await stat(join(stage.target, names[i * 7] as string));
      for (let i = 0; i < 50; i++) await t.throwsAsync(stat(join(stage.target, `d${i}/absent${done}`)));
      const { nodes } = await mounted.stats();
      t.true(nodes > names.length);
      seen.push({ memory: ownMemory(pid), descriptors: openFiles(pid), nodes });
      await writeFile('/proc/sys/vm/drop_caches', '2');
    }
    const [, first] = seen;
    const last = seen.at(-1);
    t.log(`${seen.length} rounds, from ${JSON.stringify(first)} to ${JSON.stringify(last)}`);
    t.true((last?.memory ?? 0) < (first?.memory ?? 0) * 1.1, 'memory');
    t.true((last?.descriptors ?? 0) <= (first?.descriptors ?? 0) + 8, 'descriptors');
  },
);
