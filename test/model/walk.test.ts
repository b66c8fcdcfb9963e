// SPDX-License-Identifier: MIT
// Random operations on a mount and on a plain directory that holds the same: the same answers, the same trees, also after
// mounting again. SEED=n repeats one walk; AUFS_TEST_LONG=1 walks longer.
import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { canMount, Stage } from '../helpers/stage.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const STEPS = LONG ? 2000 : 350;
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 60 : 6 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One operation, to be done below a root. */
interface Step {
  readonly told: string;
  run(root: string): void;
}

function step(pick: (below: number) => number): Step {
  const path = () => Array.from({ length: 1 + pick(3) }, () => 'abcd'[pick(4)]).join('/');
  const [a, b, text, size] = [path(), path(), 'x'.repeat(pick(5000)), pick(9000)];
  const steps: Step[] = [
    { told: `write ${a}`, run: (root) => writeFileSync(join(root, a), text) },
    { told: `append ${a}`, run: (root) => appendFileSync(join(root, a), text) },
    { told: `truncate ${a} ${size}`, run: (root) => truncateSync(join(root, a), size) },
    { told: `mkdir ${a}`, run: (root) => mkdirSync(join(root, a)) },
    { told: `unlink ${a}`, run: (root) => unlinkSync(join(root, a)) },
    { told: `rmdir ${a}`, run: (root) => rmdirSync(join(root, a)) },
    { told: `rename ${a} ${b}`, run: (root) => renameSync(join(root, a), join(root, b)) },
    { told: `rename ${b} ${a}`, run: (root) => renameSync(join(root, b), join(root, a)) },
    { told: `link ${a} ${b}`, run: (root) => linkSync(join(root, a), join(root, b)) },
    { told: `symlink ${a}`, run: (root) => symlinkSync('d', join(root, a)) },
    { told: `readdir ${a}`, run: (root) => void readdirSync(join(root, a)) },
  ];
  return steps[pick(steps.length)] as Step;
}

function attempt(work: () => void): string {
  try {
    work();
    return 'ok';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function snapshot(root: string, path = ''): string[] {
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => {
      const at = join(path, name);
      const stats = lstatSync(join(root, at));
      if (stats.isDirectory()) return [`${at}/`, ...snapshot(root, at)];
      if (stats.isSymbolicLink()) return [`${at} -> ${readlinkSync(join(root, at))}`];
      return [`${at} ${stats.nlink} ${readFileSync(join(root, at), 'utf8').length} ${stats.size}`];
    });
}

const TREE = {
  a: { a: 'aa', b: { c: 'abc', d: { a: 'abda' } } },
  b: { a: 'x'.repeat(4000), c: { b: 'bcb' } },
  c: 'c',
};

async function walk(t: ExecutionContext, seed: number): Promise<void> {
  const pick = seeded(seed);
  const stage = await Stage.create(t, {}, { a: TREE.a }, { b: TREE.b, c: TREE.c, a: { a: 'hidden' } });
  const plain = join(stage.root, 'plain');
  await mkdir(plain);
  await cp(stage.lowers[1] as string, plain, { recursive: true });
  await cp(stage.lowers[0] as string, plain, { recursive: true, force: true });
  await stage.mount({ volatile: true });
  const story: string[] = [];
  for (let i = 0; i < STEPS; i++) {
    const { told, run } = step(pick);
    const [ours, theirs] = [attempt(() => run(stage.target)), attempt(() => run(plain))];
    story.push(`${told}: ${theirs}`);
    if (ours !== theirs)
      return t.fail(`SEED=${seed}: ${told}: ${ours} instead of ${theirs}\n${story.join('\n')}`);
    if (pick(60) === 0) {
      story.push('mounted again');
      await stage.remount({ volatile: true });
    }
    if (pick(25) === 0 || i === STEPS - 1) {
      t.deepEqual(snapshot(stage.target), snapshot(plain), `SEED=${seed}\n${story.join('\n')}`);
    }
  }
  await stage.unmount();
}

for (const seed of SEEDS) {
  const title = `a random walk agrees with a plain directory, SEED=${seed}`;
  if (canMount) test.serial(title, (t) => walk(t, seed));
  else test.skip(`${title} (needs /dev/fuse)`, (t) => t.pass());
}
