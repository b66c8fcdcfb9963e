// SPDX-License-Identifier: MIT
// syncOnUnmount: what was written is on disk when unmount() returns, also where the branches cannot be told any more.
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { binding } from '../../lib/binding.ts';
import { type Mount, mount, unmount } from '../../lib/index.ts';
import { killAtOnce, processes, until } from '../helpers/server.ts';
import { canMount } from '../helpers/stage.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

/** What is flushed while `body` runs. */
async function flushes(body: () => Promise<void>): Promise<string[]> {
  const native = binding();
  const { syncfs, syncAll } = native;
  const seen: string[] = [];
  native.syncfs = async (path) => {
    await syncfs(path);
    seen.push(String(path));
  };
  native.syncAll = async () => {
    seen.push('everything');
    await syncAll();
  };
  try {
    await body();
  } finally {
    Object.assign(native, { syncfs, syncAll });
  }
  return seen;
}

async function stage(t: ExecutionContext) {
  const root = await mkdtemp(join(tmpdir(), 'aufs-sync-'));
  const [upper, lower, target] = ['upper', 'lower', 'target'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [upper, lower, target]) await mkdir(path);
  t.teardown(async () => {
    await unmount(target, { lazy: true }).catch(() => {});
    await rm(root, { recursive: true, force: true });
  });
  const open = (options: { syncOnUnmount?: boolean; readOnly?: boolean } = {}): Promise<Mount> =>
    mount(target, { branches: [upper, lower], syncOnUnmount: true, ...options });
  return { root, upper, lower, target, open };
}

mounting(`the writable branches are flushed, others are not${why}`, async (t) => {
  const { upper, target, open } = await stage(t);
  const mounted = await open();
  await writeFile(join(target, 'file'), 'x');
  t.deepEqual(await flushes(() => mounted.unmount()), [upper]);
  const readOnly = await open({ readOnly: true });
  t.false((await flushes(() => readOnly.unmount())).includes('everything'));
  const unasked = await open({ syncOnUnmount: false });
  t.deepEqual(await flushes(() => unasked.unmount()), []);
});

mounting(`branches that cannot be told: everything is flushed${why}`, async (t) => {
  const { open } = await stage(t);
  const mounted = await open();
  mounted.branches.list = () => Promise.reject(new Error('no answer'));
  t.deepEqual(await flushes(() => mounted.unmount()), ['everything']);
});

mounting(`a branch that was taken out of the union is flushed too${why}`, async (t) => {
  const { root, upper, open } = await stage(t);
  const mounted = await open();
  const other = join(root, 'other');
  await mkdir(other);
  await mounted.branches.add({ path: other, mode: 'rw' }, { at: 'top' });
  await mounted.branches.remove(upper);
  t.deepEqual((await flushes(() => mounted.unmount())).sort(), [other, upper]);
});

mounting(
  `a mount that is lost, and let go without an error: what reached its branches is flushed${why}`,
  async (t) => {
    const { upper, target, open } = await stage(t);
    const mounted = await open();
    let lost = false;
    mounted.once('lost', () => {
      lost = true;
    });
    killAtOnce(processes(target));
    t.true(await until(() => lost));
    t.deepEqual(await flushes(() => mounted[Symbol.asyncDispose]()), [upper]);
  },
);

mounting(`a branch that has another name now: everything is flushed${why}`, async (t) => {
  const { root, upper, open } = await stage(t);
  const mounted = await open();
  await rename(upper, join(root, 'moved'));
  t.deepEqual(await flushes(() => mounted.unmount()), ['everything']);
});
