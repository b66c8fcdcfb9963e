// SPDX-License-Identifier: MIT
// What the server holds depends on what the kernel remembers, not on how much was looked at: ten million look-ups, after each 50,000 of
// which the kernel is made to forget, of other mounts too. AUFS_TEST_LONG=1; several minutes.
import { readdirSync, readFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';
import { write } from '../store/store_helper.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const DIRECTORIES = 500;
const FILES = 100;
const LOOKUPS = 10_000_000;

const soaking = LONG && canMount && isRoot ? test.serial : test.skip;
const why = LONG && canMount && isRoot ? '' : ' (minutes, needs AUFS_TEST_LONG, root and /dev/fuse)';

/** Kilobytes of its own that the process has in memory. */
function ownMemory(pid: number): number {
  return Number(/^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

soaking(
  `${LOOKUPS.toLocaleString('en')} look-ups leave the server as large as the first ones${why}`,
  async (t) => {
    t.timeout(1_200_000);
    const stage = await Stage.create(t, {}, {});
    const names = Array.from({ length: DIRECTORIES * FILES }, (_, i) => `d${i % DIRECTORIES}/f${i}`);
    await write(stage.lowers[0] as string, Object.fromEntries(names.map((name) => [name, ''])));
    const mounted = await stage.mount();
    const { pid } = await mounted.stats();
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
