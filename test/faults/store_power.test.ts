// SPDX-License-Identifier: MIT
// The power is cut after each flush that an operation of a store makes, and after it said that it is done: what is in the image
// of the file system then, and nothing that only was in memory, is mounted, and the store opened. Every layer is whole or
// absent, and what was said to be done is done. AUFS_TEST_LONG=1: all operations on all file systems.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { binding } from '../../lib/binding.ts';
import { type Durability, openStore } from '../../lib/store/index.ts';
import { Disk } from '../helpers/disk.ts';
import { type FileSystemKind, kinds, missingFor } from '../helpers/file_system.ts';
import { canMount, run } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { describe, difference } from './store_facts.ts';
import { makeStore, OPERATIONS, type StoreOperation, WRITE } from './store_operations.ts';
import { Worker } from './store_process.ts';
import { straceMissing, traced } from './strace.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const KINDS: readonly FileSystemKind[] = [
  // Nothing of its own that hides a missing flush.
  { ...kinds.ext4, title: 'ext4, data=writeback', options: ['data=writeback', 'noauto_da_alloc'] },
  ...(LONG ? [kinds.ext4, kinds.xfs, kinds.btrfs] : []),
];
const FLUSHES = 'fsync,fdatasync,syncfs,sync_file_range';
const SHORT: readonly string[] = ['apply', 'remove'];

interface Cut extends StoreOperation {
  readonly durability: Durability;
}

const CUTS: readonly Cut[] = [
  ...OPERATIONS.filter(({ title, mounts, opens }) =>
    LONG ? mounts !== true && opens !== true : SHORT.includes(title),
  ).map((operation) => ({ ...operation, durability: 'layer' as const })),
  { ...WRITE, durability: 'full' },
];

/** Lets the worker act and stops it after each flush for a copy of the disk; one more is made when it said what it did. */
async function copiesOf(worker: Worker, disk: Disk): Promise<string[]> {
  const options = ['-f', '-e', `trace=${FLUSHES}`, '-e', `inject=${FLUSHES}:signal=SIGSTOP`];
  const strace = spawn('strace', [...options, '-p', String(worker.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(strace, 'close');
  const names: string[] = [];
  const copy = async (what: string): Promise<void> => {
    const name = `${names.length} ${what}`;
    await disk.copy(name);
    names.push(name);
  };
  let said: Promise<unknown> | undefined;
  let flush = '';
  for await (const line of createInterface({ input: strace.stderr })) {
    if (process.env['DBG']) console.log(line);
    if (said === undefined) {
      if (!line.includes('attached')) continue;
      worker.tell();
      said = worker.hear().then(async (answer) => {
        if (answer === 'done') await copy('done');
        await worker.ended();
      });
    }
    // All threads stop, and each is told of.
    if (line.includes('--- SIGSTOP {')) flush = 'flush';
    else if (flush !== '' && line.includes('--- stopped by SIGSTOP')) {
      await copy(flush);
      flush = '';
      process.kill(worker.pid, 'SIGCONT');
    }
  }
  await said;
  await ended;
  return names;
}

async function cut(t: ExecutionContext, kind: FileSystemKind, operation: Cut): Promise<void> {
  t.timeout(300_000);
  const disk = new Disk(await temporaryDirectory(t), kind);
  await disk.make();
  const root = join(disk.root, 'store');
  await makeStore(root);
  const before = await describe(await openStore(root));
  const worker = new Worker(root, operation.title, operation.durability);
  t.teardown(() => worker.end());
  await worker.hear();
  worker.tell();
  await worker.hear();
  await run('sync', ['-f', disk.root]);
  const names = await copiesOf(worker, disk);
  const after = await describe(await openStore(root));
  t.not(after, before);
  t.is(
    names.filter((name) => name.endsWith('done')).length,
    1,
    `it did not say that it is done: ${names.join()}`,
  );
  t.true(names.length > 1, 'no flushes were seen');
  await disk.unmount();
  const faults: string[] = [];
  for (const name of names) {
    await disk.mountCopy(name);
    const wrong = await judge(root, before, after, name.endsWith('done'));
    if (wrong !== undefined) faults.push(`after ${name} of ${names.length}: ${wrong}`);
    await disk.unmount();
  }
  t.deepEqual(faults, []);
  t.log(`cut at ${names.length} times`);
}

async function judge(
  root: string,
  before: string,
  after: string,
  done: boolean,
): Promise<string | undefined> {
  const store = await openStore(root, { create: false });
  const { findings } = await store.check();
  if (findings.length > 0) return `check finds ${JSON.stringify(findings)}`;
  const now = await describe(store);
  if (now === after || (!done && now === before)) return undefined;
  return `not as before (${difference(before, now)}), not as after (${difference(after, now)})`;
}

for (const kind of KINDS) {
  for (const operation of CUTS) {
    const missing = [
      ...missingFor(kind),
      ...(operation.mounts !== true || canMount ? [] : ['/dev/fuse']),
      ...[straceMissing() ?? []].flat(),
    ];
    const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
    (missing.length === 0 ? test.serial : test.skip)(
      `${kind.title}: ${operation.title}, power cut after any flush: done or not done${note}`,
      (t) => cut(t, kind, operation),
    );
  }
}

const missing = [straceMissing() ?? []].flat();
(missing.length === 0 ? test.serial : test.skip)(
  `durability none: nothing is flushed${missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`}`,
  async (t) => {
    const directory = await temporaryDirectory(t);
    const root = join(directory, 'store');
    await makeStore(root);
    for (const title of ['apply', 'remove']) {
      const worker = new Worker(root, title, 'none');
      t.teardown(() => worker.end());
      await worker.hear();
      worker.tell();
      await worker.hear();
      const log = join(directory, `log of ${title}`);
      let said: string | undefined;
      await traced(worker.pid, ['-o', log, '-e', `trace=${FLUSHES},rename`], async () => {
        worker.tell();
        said = await worker.hear();
        await worker.ended();
      });
      t.is(said, 'done', title);
      const calls = await readFile(log, 'utf8');
      t.regex(calls, /rename\(/);
      t.notRegex(calls, /sync\w*\(/);
      await binding().removeTree(root);
      await makeStore(root);
    }
  },
);
