// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { unmount } from '../../lib/mount.ts';
import { nothingLeft, ownerCommand, processes, serverOf, startOwner } from '../helpers/server.ts';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

mounting(`an owner killed with SIGKILL leaves no mount and no process${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const child = await startOwner(t, stage);
  await appendFile(stage.at('a'), '+');
  t.is(processes(stage.target).length, 3);
  child.kill('SIGKILL');
  t.true(await nothingLeft(stage, 2000));
  t.is(await readFile(join(stage.upper, 'a'), 'utf8'), 'lower+');
});

for (const victim of ['worker', 'supervisor'] as const) {
  mounting(`a ${victim} killed with SIGKILL leaves no dead mount${why}`, async (t) => {
    const stage = await Stage.create(t, {}, { a: 'lower' });
    await stage.mount();
    await appendFile(stage.at('a'), '+');
    process.kill(serverOf(stage)[victim], 'SIGKILL');
    t.true(await nothingLeft(stage));
    t.deepEqual(readdirSync(stage.target), []);
  });
}

mounting(`umount(8) from outside ends the server${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  await stage.mount();
  await run(isRoot ? 'umount' : 'fusermount3', isRoot ? [stage.target] : ['-u', stage.target]);
  t.true(await nothingLeft(stage));
});

mounting(`SIGTERM ends the server and its mount${why}`, async (t) => {
  const stage = await Stage.create(t, {}, {});
  await stage.mount();
  process.kill(serverOf(stage).supervisor, 'SIGTERM');
  t.true(await nothingLeft(stage));
});

mounting(`a persistent mount outlives its owner${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const [program = '', ...args] = ownerCommand(stage, '--persist');
  await run(program, args);
  t.is(await readFile(stage.at('a'), 'utf8'), 'lower');
  await unmount(stage.target);
  t.true(await nothingLeft(stage));
});

mounting(`SIGKILL amid writes leaves every file old or new${why}`, async (t) => {
  t.timeout(120_000);
  const size = 300_000;
  const names = Array.from({ length: 30 }, (_, i) => `f${i}`);
  const lower = Object.fromEntries(names.map((name) => [name, 'o'.repeat(size)]));
  const stage = await Stage.create(t, {}, lower);
  for (let round = 0; round < 6; round++) {
    await stage.mount();
    const writer = spawn(
      'sh',
      [
        '-c',
        'for i in $(seq 0 29); do printf n | dd of=f$i bs=1 seek=0 conv=notrunc 2>/dev/null; rm -f f$(((i + 7) % 30)); done',
      ],
      {
        cwd: stage.target,
        stdio: 'ignore',
      },
    );
    const ended = once(writer, 'close');
    await sleep(20 + round * 25);
    process.kill(serverOf(stage).worker, 'SIGKILL');
    await ended;
    t.true(await nothingLeft(stage));
    await stage.mount();
    for (const name of readdirSync(stage.target)) {
      const content = await readFile(stage.at(name), 'utf8');
      // A file that was removed and written to again has the one new byte.
      const whole = content.length === size && /^[on]o+$/.test(content);
      t.true(whole || content === 'n' || content === '', `${name}: ${content.length} bytes`);
    }
    const inner = readdirSync(stage.upper).filter(
      (name) => name.startsWith('.wh..wh.') && name !== '.wh..wh.aufs',
    );
    for (const name of inner) t.deepEqual(readdirSync(join(stage.upper, name)), []);
    await stage.unmount();
  }
});

(canMount && isRoot ? test.serial : test.skip)(
  `a full disk in the middle of a copy_up leaves the union as it was${canMount && isRoot ? '' : ' (needs root and /dev/fuse)'}`,
  async (t) => {
    const stage = await Stage.create(t, {}, { big: 'x'.repeat(3_000_000), small: 's' });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', stage.upper]);
    t.teardown(() => run('umount', ['-l', stage.upper]));
    await stage.mount();
    await t.throwsAsync(appendFile(stage.at('big'), '+'), { code: 'ENOSPC' });
    t.is(statSync(stage.at('big')).size, 3_000_000);
    t.deepEqual(readdirSync(stage.target).sort(), ['big', 'small']);
    t.false(existsSync(join(stage.upper, 'big')));
    await writeFile(stage.at('small'), 'still works');
    t.is(await readFile(stage.at('small'), 'utf8'), 'still works');
    await stage.unmount();
  },
);
