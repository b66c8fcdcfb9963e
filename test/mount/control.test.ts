// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { mount } from '../../lib/mount.ts';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';

// How Mount speaks with its server, without FUSE: the server is a stand-in.
process.env['NODE_AUFS_SERVER'] = fileURLToPath(new URL('fake_server.mjs', import.meta.url));

let root: string;
test.before(async () => {
  root = await mkdtemp(join(tmpdir(), 'aufs-control-'));
  for (const name of ['rw', 'ro', 'mnt']) await mkdir(join(root, name));
});
test.after.always(() => rm(root, { recursive: true, force: true }));

function mountFake(mode: string, signal?: AbortSignal): ReturnType<typeof mount> {
  process.env['FAKE_SERVER'] = mode;
  return mount(join(root, 'mnt'), { branches: [join(root, 'rw'), join(root, 'ro')], signal });
}

test.serial('a mount tells where and how it is, and answers', async (t) => {
  await using mounted = await mountFake('good');
  t.is(mounted.target, join(root, 'mnt'));
  t.is(mounted.driver, 'fuse');
  t.deepEqual(
    mounted.driversRejected.map(({ driver }) => driver),
    ['aufs', 'overlay'],
  );
  t.true(mounted.passthrough);
  t.like(await mounted.stats(), { threads: 4, protocol: '7.45', copyUps: { count: 1, bytes: 5 } });
  t.deepEqual(await mounted.copyUps(), [{ path: 'a', method: 'reflink', bytes: 5, nanoseconds: 1000 }]);
});

test.serial('unmount again gives the same promise, questions then fail', async (t) => {
  const mounted = await mountFake('good');
  const first = mounted.unmount();
  t.is(mounted.unmount(), first);
  await first;
  await t.throwsAsync(mounted.stats(), { code: 'ERR_NOT_MOUNTED' });
});

test.serial('what the server refuses is an AufsError with its code', async (t) => {
  const error = await t.throwsAsync(mountFake('refuses'), { code: 'ERR_BRANCH_BUSY' });
  t.regex(error?.message ?? '', /another union writes to it; /);
});

test.serial('the last words of a server that only writes to stderr are understood', async (t) => {
  const error = await t.throwsAsync(mountFake('mute'), { code: 'ERR_FUSE_DEVICE' });
  t.regex(error?.message ?? '', /cannot open \/dev\/fuse/);
});

test.serial('a busy mount can be unmounted lazily afterwards', async (t) => {
  const mounted = await mountFake('busy');
  await t.throwsAsync(mounted.unmount(), { code: 'ERR_MOUNT_BUSY' });
  await mounted.unmount({ lazy: true });
});

test.serial('an aborted mount rejects with the reason and ends its server', async (t) => {
  const reason = new Error('changed my mind');
  await t.throwsAsync(mountFake('hangs', AbortSignal.abort(reason)), { is: reason });
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 200);
  await t.throwsAsync(mountFake('hangs', controller.signal), { is: reason });
});

test.serial('a server that dies is reported, and disposing of its mount is no error', async (t) => {
  const mounted = await mountFake('good');
  // A mount keeps nothing alive, not even this test.
  const alive = setInterval(() => {}, 1000);
  process.kill(mounted.serverPid as number, 'SIGKILL');
  const [error] = await once(mounted, 'lost');
  clearInterval(alive);
  t.is(error.code, 'ERR_MOUNT_LOST');
  t.regex(error.message, /SIGKILL/);
  await t.throwsAsync(mounted.unmount(), { code: 'ERR_MOUNT_LOST' });
  await mounted[Symbol.asyncDispose]();
});

test.serial('a mount does not keep the process alive, and its server ends with it', async (t) => {
  const script = `
    const { mount } = await import(${moduleName('mount')});
    const mounted = await mount(${JSON.stringify(join(root, 'mnt'))}, { branches: [${JSON.stringify(join(root, 'rw'))}] });
    await mounted.stats();
    console.log(mounted.serverPid);`;
  const env = { ...process.env, FAKE_SERVER: 'good' };
  const args = scriptArgs(script);
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 20_000 });
  const pid = Number(stdout);
  for (let i = 0; i < 500 && alive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  t.false(alive(pid));
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
