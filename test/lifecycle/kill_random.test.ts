// SPDX-License-Identifier: MIT
// SIGKILL of the server while several processes make random calls. After mounting again every call that was answered has
// been done, and the one that was not has been done or not. SEED=n repeats one; AUFS_TEST_LONG=1 kills more often.
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Agent, type Call } from '../helpers/agent.ts';
import { type Pick, seeded } from '../helpers/random.ts';
import { nothingLeft, serverOf } from '../helpers/server.ts';
import { canMount, has, Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';
import { done, type Expected, look, mayBe, nextCall, tell } from './expected.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const WORKERS = 4;
const CALLS = 1000;
const ROUNDS = LONG ? 12 : 3;
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 25 : 2 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];

const directories = Array.from({ length: WORKERS }, (_, i) => `w${i}`);

/** The same for each worker: files, two of them one, and directories. */
function lower(): { tree: Tree; expected: Expected } {
  const expected: Expected = new Map();
  const tree: Record<string, Tree> = {};
  for (const name of directories) {
    const [f, y] = ['f'.repeat(3000), 'y'.repeat(100)];
    const [file, linked] = [{ content: f }, { content: y }];
    tree[name] = { a: f, h1: y, h2: { hard: `${name}/h1` }, d: { a: f, s: { x: y } }, e: { a: f, b: y } };
    const entries: [string, { content: string } | null][] = [
      ['a', file],
      ['h1', linked],
      ['h2', linked],
      ['d', null],
      ['d/a', { content: f }],
      ['d/s', null],
      ['d/s/x', { content: y }],
      ['e', null],
      ['e/a', { content: f }],
      ['e/b', { content: y }],
    ];
    for (const [path, entry] of entries) expected.set(`${name}/${path}`, entry);
  }
  return { tree, expected };
}

/** One process at work in a directory of its own. */
interface Worker {
  readonly directory: string;
  expected: Expected;
  /** The call that got no answer. */
  pending: Call | undefined;
}

const DEAD: ReadonlySet<string> = new Set(['"ENOTCONN"', '"ECONNABORTED"', '"EIO"', '"ENODEV"']);

/** Makes calls until the server is gone, or enough. */
async function work(worker: Worker, root: string, pick: Pick, counted: () => void): Promise<void> {
  await using agent = new Agent(root);
  for (let i = 0; i < CALLS; i++) {
    worker.pending = nextCall(worker.expected, worker.directory, pick);
    const answer = await agent.run(worker.pending);
    if (DEAD.has(answer)) return;
    if (answer === 'null') worker.expected = done(worker.expected, worker.pending);
    worker.pending = undefined;
    counted();
  }
}

async function round(t: ExecutionContext, stage: Stage, workers: Worker[], pick: Pick): Promise<void> {
  await stage.mount({ volatile: pick(2) === 0 });
  const { worker: server } = serverOf(stage);
  let left = 20 + pick(WORKERS * CALLS - 500);
  const counted = (): void => {
    if (left-- === 0) process.kill(server, 'SIGKILL');
  };
  await Promise.all(workers.map((worker) => work(worker, stage.target, seeded(pick(1 << 30)), counted)));
  t.true(left < 0, 'the server was not killed');
  t.true(await nothingLeft(stage));
  await stage.mount();
  for (const worker of workers) settle(t, worker, stage.target);
  const orphans = join(stage.upper, '.wh..wh.orph');
  if (existsSync(orphans)) t.deepEqual(readdirSync(orphans), []);
  await stage.unmount();
}

/** Finds out what became of the last call. */
function settle(t: ExecutionContext, worker: Worker, root: string): void {
  const { directory, expected, pending } = worker;
  const states = pending === undefined ? [expected] : mayBe(expected, pending);
  const seen = look(root, directory);
  const found = states.find((state) => tell(state, directory) === seen);
  const wanted = states.map((state) => difference(seen, tell(state, directory)));
  if (found === undefined) t.fail(`after ${JSON.stringify(pending)}\n${wanted.join('\nor\n')}`);
  worker.expected = found ?? expected;
  worker.pending = undefined;
}

function difference(seen: string, wanted: string): string {
  const [a, b] = [seen.split('\n'), wanted.split('\n')];
  const only = (these: string[], those: string[], sign: string) =>
    these.filter((line) => !those.includes(line)).map((line) => `${sign} ${line}`);
  return [...only(a, b, 'seen:  '), ...only(b, a, 'wanted:')].join('\n');
}

const possible = canMount && has('python3');
const why = possible ? '' : ' (needs /dev/fuse and python3)';

for (const seed of SEEDS) {
  (possible ? test.serial : test.skip)(
    `what was answered before SIGKILL is there afterwards, SEED=${seed}${why}`,
    async (t) => {
      t.timeout(600_000);
      const pick = seeded(seed);
      const { tree, expected } = lower();
      const stage = await Stage.create(t, {}, tree);
      await mkdir(stage.target, { recursive: true });
      const workers = directories.map((directory) => ({ directory, expected, pending: undefined }));
      for (let i = 0; i < ROUNDS; i++) await round(t, stage, workers, pick);
    },
  );
}
