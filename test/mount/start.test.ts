// SPDX-License-Identifier: MIT
// The server as a process of ours: how it is started, and that it does not stay as a zombie.
import { readdirSync, readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SystemError } from '../../lib/errors.ts';
import { unstartable } from '../../lib/mount/server_failure.ts';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';
import { serverOf, until } from '../helpers/server.ts';
import { canMount, has, run, Stage } from '../helpers/stage.ts';

const mounting = canMount ? test.serial : test.skip;

/** What /proc tells of a process, from its state on: state, parent, group, session. */
function fieldsOf(pid: number | string): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
}

/** Children of this process that have ended and that nobody has waited for. */
function zombies(): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      const [state, parent] = fieldsOf(name);
      return state === 'Z' && Number(parent) === process.pid;
    } catch {
      return false;
    }
  });
}

const traced = canMount && has('strace') ? test.serial : test.skip;
traced('a process is not copied to start a server, however large it is', async (t) => {
  const { target, branches, root } = await Stage.create(t, {}, { a: 'a' });
  const log = join(root, 'calls');
  const script = `
    const { mount } = await import(${moduleName('mount')});
    await (await mount(${JSON.stringify(target)}, { branches: ${JSON.stringify(branches)} })).unmount();`;
  // Who executes another program is let go.
  const strace = ['-f', '-b', 'execve', '-e', 'trace=clone,clone3,fork,vfork', '-o', log];
  await run('strace', [...strace, process.execPath, ...scriptArgs(script)]);
  const calls = (await readFile(log, 'utf8')).split('\n').filter((line) => /\b(clone3?|v?fork)\(/.test(line));
  const processes = calls.filter((line) => !line.includes('CLONE_THREAD'));
  t.true(processes.length > 0, 'it was started');
  const copies = processes.filter((line) => !/\bvfork\(|CLONE_VM\|CLONE_VFORK/.test(line));
  t.deepEqual(copies, []);
});

mounting('no zombie is left of a server: unmounted, refused, called off, killed', async (t) => {
  const stage = await Stage.create(t, {}, { a: 'a' });
  await (await stage.mount()).unmount();
  const branches = [...stage.branches, join(stage.root, 'none')];
  await t.throwsAsync(stage.mount({ branches }), { code: 'ERR_BRANCH_NOT_FOUND' });
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 1);
  const calledOff = stage.mount({ signal: abort.signal }).then((mounted) => mounted.unmount());
  await calledOff.catch(() => {});
  t.true(await until(() => zombies().length === 0), 'of those that have come to their end');

  const mounted = await stage.mount();
  let lost = false;
  mounted.once('lost', () => {
    lost = true;
  });
  process.kill(mounted.serverPid ?? 0, 'SIGKILL');
  t.true(await until(() => lost));
  t.true(await until(() => zombies().length === 0), 'of a killed one');
});

const WHY_NOT = [
  ['EMFILE', 'ERR_SERVER_FAILED', /ulimit -n/],
  ['ENFILE', 'ERR_SERVER_FAILED', /fs\.file-max/],
  ['EAGAIN', 'ERR_SERVER_FAILED', /ulimit -u/],
  ['ENOMEM', 'ERR_SERVER_FAILED', /memory/],
  ['ENOENT', 'ERR_SERVER_NOT_FOUND', /build:native/],
  ['ENOEXEC', 'ERR_SERVER_NOT_FOUND', /reinstall/],
] as const;
for (const [errno, code, hint] of WHY_NOT) {
  test(`a server that cannot be started: ${errno}`, (t) => {
    const cause = new SystemError({ errno: -constants.errno[errno], syscall: 'spawn', via: 'posix_spawn' });
    const error = unstartable('/bin/server', cause);
    t.is(error.code, code);
    t.regex(error.hint ?? '', hint);
    t.regex(error.message, new RegExp(`: cannot start /bin/server: ${errno}`));
  });
}

mounting('a server is in a session of its own, and has no file of ours', async (t) => {
  const stage = await Stage.create(t, {}, { a: 'a' });
  const file = await open(join(stage.root, 'ro1/a'));
  t.teardown(() => file.close());
  await stage.mount();
  const { supervisor } = serverOf(stage);
  t.not(fieldsOf(supervisor)[3], fieldsOf(process.pid)[3], 'the session');
  const { stdout } = await run('ls', ['-l', `/proc/${supervisor}/fd`]);
  t.notRegex(stdout, /ro1\/a$/m);
  t.regex(stdout, / 0 -> \/dev\/null$/m);
  t.regex(stdout, / 1 -> \/dev\/null$/m);
});
