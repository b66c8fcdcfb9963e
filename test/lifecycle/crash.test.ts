// SPDX-License-Identifier: MIT
// SIGKILL in the middle of everything that a union does in several steps. Whatever was under way was either done or not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { nothingLeft, serverOf } from '../helpers/server.ts';
import { canMount, run, Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const ROUNDS = LONG ? 60 : 8;
const COUNT = 40;
const OLD = 'o'.repeat(60_000);
const each = <T>(make: (i: number) => T): T[] => Array.from({ length: COUNT }, (_, i) => make(i));

const LOWER: Tree = Object.fromEntries([
  ...each((i) => [`write${i}`, OLD]),
  ...each((i) => [`replace${i}`, OLD]),
  ...each((i) => [`remove${i}`, OLD]),
  ...each((i) => [`move${i}`, OLD]),
  ...each((i) => [`dir${i}`, { s: { x: OLD, y: 'y' }, z: 'z' }]),
  ...each((i) => [`tree${i}`, { s: { x: 'x', y: 'y' }, z: 'z' }]),
]);

/** Each step on one file or directory of its own, so that what may be seen of it is known. */
const WORK = `for i in $(seq 0 ${COUNT - 1}); do
  printf n | dd of=write$i bs=1 conv=notrunc 2>/dev/null
  printf new > tmp$i; mv tmp$i replace$i
  rm remove$i
  mv move$i moved$i
  mv dir$i newdir$i
  rm -r tree$i; mkdir tree$i
done`;

function check(t: ExecutionContext, root: string): void {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const names = new Set(readdirSync(root));
  t.deepEqual(
    [...names].filter((name) => name.startsWith('.')),
    [],
  );
  for (let i = 0; i < COUNT; i++) {
    const written = read(`write${i}`);
    t.true(written === OLD || written === `n${OLD.slice(1)}`, `write${i}: ${written.length} bytes`);
    const replaced = read(`replace${i}`);
    t.true(replaced === OLD || replaced === 'new', `replace${i}: ${replaced.length} bytes`);
    if (names.has(`remove${i}`)) t.is(read(`remove${i}`), OLD);
    t.true(names.has(`move${i}`) || names.has(`moved${i}`), `move${i} is lost`);
    for (const name of [`move${i}`, `moved${i}`]) if (names.has(name)) t.is(read(name), OLD);
    t.true(names.has(`dir${i}`) || names.has(`newdir${i}`), `dir${i} is lost`);
    for (const name of [`dir${i}`, `newdir${i}`]) {
      if (!names.has(name)) continue;
      t.deepEqual([read(`${name}/s/x`), read(`${name}/s/y`), read(`${name}/z`)], [OLD, 'y', 'z'], name);
    }
    if (names.has(`tree${i}`)) {
      const left = readdirSync(join(root, `tree${i}`));
      t.true(
        left.every((name) => name === 's' || name === 'z'),
        left.join(),
      );
    }
  }
}

(canMount ? test.serial : test.skip)(
  `SIGKILL amid writes, replacements, removals and renames${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    t.timeout(600_000);
    for (let round = 0; round < ROUNDS; round++) {
      const stage = await Stage.create(t, {}, LOWER);
      await stage.mount({ volatile: round % 2 === 0 });
      const worker = spawn('sh', ['-c', WORK], { cwd: stage.target, stdio: 'ignore' });
      await sleep(30 + round * 40 + Math.floor(Math.random() * 40));
      process.kill(serverOf(stage).worker, 'SIGKILL');
      await once(worker, 'close');
      t.true(await nothingLeft(stage));
      await stage.mount();
      check(t, stage.target);
      const orphans = join(stage.upper, '.wh..wh.orph');
      if (existsSync(orphans)) t.deepEqual(readdirSync(orphans), []);
      const { stdout } = await run('find', [stage.upper, '-name', '.wh..wh.*', '!', '-name', '.wh..wh..opq']);
      t.regex(stdout, /^(\S+\/rw\/\.wh\.\.wh\.(aufs|orph|plnk)\n)*$/);
      // The union is not stuck half-way either: the same work can be done to the end.
      await run('sh', ['-c', WORK], { cwd: stage.target });
      check(t, stage.target);
      await stage.unmount();
    }
  },
);
