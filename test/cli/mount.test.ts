// SPDX-License-Identifier: MIT
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { canMount, id, temporaryDirectory, write } from '../store/store_helper.ts';
import { nodeAufs } from './cli_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

mounting(`a layer: mount, which, umount${why}`, async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  await nodeAufs(['--root', root, 'create', '--id', id('a')]);
  await nodeAufs(['--root', root, 'create', '--id', id('b'), '--parent', id('a')]);
  await write(join(root, 'diff', id('a')), { 'etc/hosts': 'base' });
  t.deepEqual(await nodeAufs(['--root', root, 'mount', 'bb']), { code: 0, stdout: '', stderr: '' });
  const target = join(root, 'mnt', id('b'));
  await writeFile(join(target, 'etc/new'), 'x');
  t.like(await nodeAufs(['--root', root, 'mount', 'bb']), { code: 75 });
  t.like(await nodeAufs(['--root', root, 'rm', 'bb']), { code: 75 });
  t.like(await nodeAufs(['--root', root, 'commit', 'bb']), { code: 75 });
  t.regex((await nodeAufs(['--root', root, 'ls'])).stdout, /rw,mounted/);

  const found = await nodeAufs(['which', join(target, 'etc/hosts'), join(target, 'etc/new')]);
  t.is(found.stderr, '');
  t.is(
    found.stdout,
    `1  ro+wh  ${join(root, 'diff', id('a'), 'etc/hosts')}\n0  rw     ${join(root, 'diff', id('b'), 'etc/new')}\n`,
  );
  t.deepEqual(await nodeAufs(['--root', root, 'umount', 'bb']), { code: 0, stdout: '', stderr: '' });
  t.deepEqual(await readdir(target), []);
  t.deepEqual((await nodeAufs(['--root', root, 'changes', 'bb'])).stdout, 'C /etc\nA /etc/new\n');
  t.like(await nodeAufs(['--root', root, 'umount', 'bb']), { code: 69 });
});

const FORMS: readonly [title: string, args: readonly string[]][] = [
  ["AUFS's words", ['-o', 'br=rw=rw:ro1=ro+wh:ro2=ro+wh,dirperm1,nodirren,noatime', 'mnt']],
  ["overlayfs's words", ['-o', 'lowerdir=ro1:ro2,upperdir=rw,workdir=work', 'mnt']],
  [
    'a source, options after the target, options in two parts',
    ['none', 'mnt', '-o', 'rw,suid,dev', '-o', 'br=rw:ro1=ro+wh:ro2=ro+wh'],
  ],
];
for (const [title, args] of FORMS) {
  mounting(`directories: ${title}${why}`, async (t) => {
    const cwd = await temporaryDirectory(t);
    await write(cwd, {
      'rw/': '',
      'ro1/b': '1',
      'ro1/.wh.d': '',
      'ro2/b': '2',
      'ro2/c': '2',
      'ro2/d': '',
      'mnt/': '',
      'work/': '',
    });
    t.deepEqual(await nodeAufs(['mount', ...args], { cwd }), { code: 0, stdout: '', stderr: '' });
    t.deepEqual((await readdir(join(cwd, 'mnt'))).sort(), ['b', 'c']);
    t.is(await readFile(join(cwd, 'mnt/b'), 'utf8'), '1');
    await writeFile(join(cwd, 'mnt/c'), 'new');
    const asked = await nodeAufs(['which', 'mnt/b', 'mnt/c'], { cwd });
    t.is(asked.stdout, `1  ro+wh  ${join(cwd, 'ro1/b')}\n0  rw     ${join(cwd, 'rw/c')}\n`);
    t.like(await nodeAufs(['mount', ...args], { cwd }), { code: 64 }, 'the mountpoint is not empty');
    t.deepEqual(await nodeAufs(['umount', 'mnt'], { cwd }), { code: 0, stdout: '', stderr: '' });
    t.is(await readFile(join(cwd, 'rw/c'), 'utf8'), 'new');
    t.is(await readFile(join(cwd, 'ro2/c'), 'utf8'), '2');
  });
}

const REFUSALS: readonly [title: string, options: string, code: number, says: RegExp][] = [
  ['a missing branch', 'br=rw=rw:nope=ro', 66, /ERR_BRANCH_NOT_FOUND.*nope/],
  ['a branch inside another', 'br=rw=rw:rw/in=ro', 64, /ERR_BRANCH_OVERLAP/],
  ['a branch that holds the mountpoint', 'br=rw=rw:.=ro', 64, /ERR_BRANCH_OVERLAP/],
  ['an unknown option', 'br=rw=rw,frobnicate', 64, /ERR_USAGE.*frobnicate/],
];
for (const [title, options, code, says] of REFUSALS) {
  mounting(`refused: ${title}${why}`, async (t) => {
    const cwd = await temporaryDirectory(t);
    await write(cwd, { 'rw/in/': '', 'mnt/': '' });
    const result = await nodeAufs(['mount', '-o', options, 'mnt'], { cwd });
    t.is(result.code, code, result.stderr);
    t.regex(result.stderr, says);
    t.deepEqual(
      (await readMounts()).filter(({ target }) => target.startsWith(cwd)),
      [],
    );
  });
}

mounting(`refused: two unions that write to one branch${why}`, async (t) => {
  const cwd = await temporaryDirectory(t);
  await write(cwd, { 'rw/': '', 'one/': '', 'two/': '' });
  t.like(await nodeAufs(['mount', '-o', 'br=rw=rw', 'one'], { cwd }), { code: 0 });
  const second = await nodeAufs(['mount', '-o', 'br=rw=rw', 'two'], { cwd });
  t.is(second.code, 75, second.stderr);
  t.regex(second.stderr, /ERR_BRANCH_BUSY/);
  t.like(await nodeAufs(['umount', 'one'], { cwd }), { code: 0 });
});
