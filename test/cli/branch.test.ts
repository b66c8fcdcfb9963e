// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { moduleName, nodeArgs } from '../helpers/other_process.ts';
import { canMount, has, isRoot, run } from '../helpers/stage.ts';
import { temporaryDirectory, write } from '../store/store_helper.ts';
import { NODE_AUFS, nodeAufs } from './cli_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

/** A mount of `rw` over `ro` on `mnt`, and one more directory, `more`. */
async function mounted(t: ExecutionContext): Promise<string> {
  const cwd = await temporaryDirectory(t);
  await write(cwd, { 'rw/': '', 'ro/a': 'ro', 'more/a': 'more', 'more/b': 'more', 'mnt/': '' });
  t.like(await nodeAufs(['mount', '-o', 'br=rw=rw:ro=ro', 'mnt'], { cwd }), { code: 0 });
  return cwd;
}

async function list(cwd: string): Promise<string[]> {
  const { code, stdout, stderr } = await nodeAufs(['branch', 'list', '--json', 'mnt'], { cwd });
  if (code !== 0) throw new Error(stderr);
  const { branches } = JSON.parse(stdout) as { branches: readonly { path: string; mode: string }[] };
  return branches.map(({ path, mode }) => `${path.replace(`${cwd}/`, '')}=${mode}`);
}

mounting(`branch: list, add, modify, remove${why}`, async (t) => {
  const cwd = await mounted(t);
  const branch = async (...words: string[]): Promise<boolean> =>
    t.deepEqual(await nodeAufs(['branch', ...words], { cwd }), { code: 0, stdout: '', stderr: '' });
  const told = await nodeAufs(['branch', 'list', 'mnt'], { cwd });
  t.is(told.stdout, `0  rw  ${join(cwd, 'rw')}\n1  ro  ${join(cwd, 'ro')}\n`);
  await branch('add', 'mnt', 'more');
  t.deepEqual(await list(cwd), ['rw=rw', 'ro=ro', 'more=ro+wh']);
  t.deepEqual((await readdir(join(cwd, 'mnt'))).sort(), ['a', 'b']);
  await branch('remove', 'mnt', './more');
  t.deepEqual(await readdir(join(cwd, 'mnt')), ['a']);
  await branch('add', 'mnt', 'more=rw', '--at', '1');
  t.deepEqual(await list(cwd), ['rw=rw', 'more=rw', 'ro=ro']);
  t.is(await readFile(join(cwd, 'mnt/a'), 'utf8'), 'more');
  await branch('modify', 'mnt', 'more=ro');
  await branch('modify', 'mnt', join(cwd, 'rw=rr+wh'));
  t.deepEqual(await list(cwd), ['rw=rr+wh', 'more=ro', 'ro=ro']);
  await branch('del', 'mnt', 'rw');
  await branch('insert', 'mnt', 'rw=rw', '--top');
  t.deepEqual(await list(cwd), ['rw=rw', 'more=ro', 'ro=ro']);
});

mounting(`mount -o remount, in AUFS's words${why}`, async (t) => {
  const cwd = await mounted(t);
  const remount = async (options: string): Promise<boolean> =>
    t.deepEqual(await nodeAufs(['mount', '-o', options, 'mnt'], { cwd }), {
      code: 0,
      stdout: '',
      stderr: '',
    });
  await mkdir(join(cwd, 'third'));
  await remount('remount,append:more,prepend:third=ro+wh');
  t.deepEqual(await list(cwd), ['third=ro+wh', 'rw=rw', 'ro=ro', 'more=ro']);
  await remount('remount,del:third,mod:more=rw,add:0:third');
  t.deepEqual(await list(cwd), ['third=ro', 'rw=rw', 'ro=ro', 'more=rw']);
  await remount('del=more,remount,ins:1:more=ro');
  t.deepEqual(await list(cwd), ['third=ro', 'more=ro', 'rw=rw', 'ro=ro']);
});

const REFUSED: readonly [title: string, args: readonly string[], code: number, says: RegExp][] = [
  ['a missing branch', ['branch', 'add', 'mnt', 'nope'], 66, /ERR_BRANCH_NOT_FOUND.*nope/],
  ['the same again', ['branch', 'add', 'mnt', 'ro'], 64, /ERR_BRANCH_OVERLAP/],
  ['what holds the mountpoint', ['branch', 'add', 'mnt', '.'], 64, /ERR_BRANCH_OVERLAP/],
  ['an unknown mode', ['branch', 'add', 'mnt', 'more=rwx'], 64, /mode/],
  ['no such position', ['branch', 'add', 'mnt', 'more', '--at', '3'], 64, /position/],
  ['two positions', ['branch', 'add', 'mnt', 'more', '--at', '1', '--top'], 64, /ERR_USAGE/],
  ['what is no branch', ['branch', 'remove', 'mnt', 'more'], 66, /ERR_BRANCH_NOT_FOUND.*more/],
  ['what is no mount', ['branch', 'list', 'ro'], 69, /ERR_NOT_MOUNTED/],
  ['remount without a change', ['mount', '-o', 'remount', 'mnt'], 64, /ERR_USAGE/],
  ['remount of what does not change', ['mount', '-o', 'remount,ro', 'mnt'], 64, /ERR_USAGE/],
];
mounting(`branch: refused${why}`, async (t) => {
  t.timeout(60_000);
  const cwd = await mounted(t);
  for (const [title, args, code, says] of REFUSED) {
    const result = await nodeAufs(args, { cwd });
    t.is(result.code, code, `${title}: ${result.stderr}`);
    t.regex(result.stderr, says, title);
  }
  t.deepEqual(await list(cwd), ['rw=rw', 'ro=ro']);
});

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
const readable =
  isRoot && has('setpriv') && spawnSync('setpriv', [...NOBODY, 'test', '-r', 'package.json']).status === 0;
const others = canMount && readable ? test.serial : test.skip;
const lack =
  canMount && readable ? '' : ' (needs root, setpriv, /dev/fuse and a checkout that others can read)';

others(`branch: an ordinary user may not, with the mount of another one${lack}`, async (t) => {
  const cwd = await mounted(t);
  chmodSync(cwd, 0o755);
  const script = `
    import { mountedBranches } from ${moduleName('mount')};
    const branches = mountedBranches(process.argv[2]);
    for (const what of [() => branches.list(), () => branches.add(process.argv[3]), () => branches.remove(process.argv[3])])
      console.log(await what().then(() => 'done', (error) => error.code));
  `;
  await write(cwd, { 'ask.mjs': script, 'tmp/': '' });
  chownSync(join(cwd, 'tmp'), 65534, 65534);
  const args = [...nodeArgs, join(cwd, 'ask.mjs'), join(cwd, 'mnt'), join(cwd, 'more')];
  const env = { ...process.env, HOME: cwd, TMPDIR: join(cwd, 'tmp') };
  const { stdout } = await run('setpriv', [...NOBODY, process.execPath, ...args], { env });
  t.is(stdout, 'ERR_MOUNT_DENIED\nERR_MOUNT_DENIED\nERR_MOUNT_DENIED\n');
  t.deepEqual(await list(cwd), ['rw=rw', 'ro=ro']);
});

const SPACE = ['unshare', '-Urm', 'sh', '-euc'];
const spaces = canMount && readable && has('unshare') ? test.serial : test.skip;
spaces(`branch: in a user namespace${lack}`, async (t) => {
  const cwd = await temporaryDirectory(t);
  await write(cwd, { 'rw/': '', 'ro/a': 'ro', 'more/b': 'more', 'mnt/': '', 'tmp/': '' });
  for (const name of ['', 'rw', 'ro', 'more', 'mnt', 'tmp']) chownSync(join(cwd, name), 65534, 65534);
  const aufs = [process.execPath, ...NODE_AUFS].join(' ');
  const script = `${aufs} mount -o br=rw=rw:ro=ro mnt; ${aufs} branch add mnt more; ls mnt; ${aufs} branch remove mnt ro; ls mnt`;
  const env = { ...process.env, HOME: cwd, TMPDIR: join(cwd, 'tmp') };
  const { stdout } = await run('setpriv', [...NOBODY, ...SPACE, script], { cwd, env });
  t.is(stdout, 'a\nb\nb\n');
});
