// SPDX-License-Identifier: MIT
// Threads that stay with a single busy caller, by the real scheduler: they are where they should be while it is busy, and as before afterwards.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import type { Mount } from '../../lib/mount.ts';
import { begin as beginLarge, MiB, why as whyNotLarge } from '../helpers/copying_behind.ts';
import { serverOf, until } from '../helpers/server.ts';
import { canMount, isRoot, Stage } from '../helpers/stage.ts';

const why = !isRoot ? ' (needs root)' : canMount ? '' : ' (needs /dev/fuse)';
const here = why === '' ? test.serial : test.skip;
const SCHED_IDLE = '5';

interface Thread {
  readonly policy: string;
  readonly processors: string;
}

/** How the threads of a server are scheduled. */
function threadsOf(server: number): Thread[] {
  return readdirSync(`/proc/${server}/task`).map((thread) => {
    const at = `/proc/${server}/task/${thread}`;
    const fields = readFileSync(`${at}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const allowed = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync(`${at}/status`, 'utf8'))?.[1];
    return { policy: String(fields[38]), processors: String(allowed) };
  });
}

/** Asks for names that are not there, one after the other, until something is so or time is up. */
function askUntil(stage: Stage, done: () => boolean, ms = 10_000): boolean {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    for (let i = 0; i < 500; i++)
      statSync(stage.at(`absent${i}-${Math.random()}`), { throwIfNoEntry: false });
    if (done()) return true;
  }
  return false;
}

const idle = (server: number) => threadsOf(server).filter(({ policy }) => policy === SCHED_IDLE);

async function begin(
  t: ExecutionContext,
  options = {},
): Promise<{ stage: Stage; mounted: Mount; server: number }> {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const mounted = await stage.mount(options);
  return { stage, mounted, server: serverOf(stage).worker };
}

here(`a lone caller has the threads that serve it with it, and they go back afterwards${why}`, async (t) => {
  const { stage, mounted, server } = await begin(t);
  const before = threadsOf(server);
  let beside: Thread[] = [];
  t.true(
    askUntil(stage, () => {
      beside = idle(server);
      return beside.length > 0;
    }),
  );
  for (const { processors } of beside) t.regex(processors, /^\d+$/);
  t.true(await until(() => idle(server).length === 0));
  t.deepEqual(threadsOf(server), before);
  const { nearCaller, nearCallerReason, nearCallerCount } = await mounted.stats();
  t.true(nearCaller);
  t.is(nearCallerReason, '');
  t.true(nearCallerCount > 0);
});

here(`not where it is switched off${why}`, async (t) => {
  const { stage, mounted } = await begin(t, { nearCaller: false });
  askUntil(stage, () => false, 300);
  const { nearCaller, nearCallerReason, nearCallerCount } = await mounted.stats();
  t.deepEqual([nearCaller, nearCallerReason, nearCallerCount], [false, 'switched off by an option', 0]);
});

here(`others that want all processors do not stop it${why}`, async (t) => {
  t.timeout(60_000);
  const { stage, server } = await begin(t);
  t.true(askUntil(stage, () => idle(server).length > 0));
  const others = Array.from({ length: availableParallelism() * 2 }, () =>
    spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
  );
  t.teardown(() => others.forEach((other) => void other.kill('SIGKILL')));
  const longest = { ms: 0 };
  for (let i = 0; i < 3000; i++) {
    const since = performance.now();
    statSync(stage.at(`absent${i}`), { throwIfNoEntry: false });
    longest.ms = Math.max(longest.ms, performance.now() - since);
  }
  // At worst one request waits for a tick or two. Left to the scheduler, a thread of SCHED_IDLE waits a third of a second for each millisecond.
  t.true(longest.ms < 250, `${longest.ms} ms`);
});

const large = why === '' && whyNotLarge === '' ? test.serial : test.skip;
large(`what is copied behind is copied as by anybody${why}${whyNotLarge}`, async (t) => {
  const { stage } = await beginLarge(t, { size: 64 * MiB });
  const server = serverOf(stage).worker;
  const before = threadsOf(server);
  t.true(askUntil(stage, () => idle(server).length > 0));
  // At once: by whom they are for, and while they are.
  const file = openSync(stage.at('big'), 'r+');
  writeSync(file, 'x');
  t.true(
    askUntil(stage, () => threadsOf(server).length > before.length),
    'its thread is there',
  );
  closeSync(file);
  t.is((await stat(stage.at('big'))).size, 64 * MiB);
  t.true(await until(() => idle(server).length === 0));
  const [usual] = before;
  for (const thread of threadsOf(server)) t.deepEqual(thread, usual);
});
