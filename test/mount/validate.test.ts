// SPDX-License-Identifier: MIT
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type MountOptions, mount, unmount } from '../../lib/mount.ts';
import { canMount } from '../helpers/stage.ts';

// What is wrong with a mountpoint is found before a server is started; what is wrong with branches, by the server.
let root: string;
test.before(async () => {
  root = await mkdtemp(join(tmpdir(), 'aufs-validate-'));
  for (const name of ['a/b', 'c', 'mnt', 'full/x']) await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, 'file'), '');
  await symlink('a/b', join(root, 'link'));
});
test.after.always(() => rm(root, { recursive: true, force: true }));

const WHY = ' (needs /dev/fuse)';

const REFUSED: readonly [title: string, target: string, branches: readonly string[], code: string][] = [
  ['a missing branch', 'mnt', ['a', 'nope'], 'ERR_BRANCH_NOT_FOUND'],
  ['a branch that is a file', 'mnt', ['a', 'file'], 'ERR_BRANCH_NOT_FOUND'],
  ['a branch inside another', 'mnt', ['a', 'a/b'], 'ERR_BRANCH_OVERLAP'],
  ['a branch inside another, through a symlink', 'mnt', ['a', 'link'], 'ERR_BRANCH_OVERLAP'],
  ['the same branch twice', 'mnt', ['c', 'a', 'c'], 'ERR_BRANCH_OVERLAP'],
  ['a mountpoint inside a branch', 'a/b', ['a'], 'ERR_BRANCH_OVERLAP'],
  ['a branch inside the mountpoint', 'a', ['a/b'], 'ERR_MOUNTPOINT_NOT_EMPTY'],
  ['a branch that is the mountpoint', 'mnt', ['mnt'], 'ERR_BRANCH_OVERLAP'],
  ['a missing mountpoint', 'nope', ['a'], 'ERR_MOUNTPOINT'],
  ['a mountpoint that is a file', 'file', ['a'], 'ERR_MOUNTPOINT'],
  ['a mountpoint with entries', 'full', ['a'], 'ERR_MOUNTPOINT_NOT_EMPTY'],
];
for (const [title, target, branches, code] of REFUSED) {
  const [here, why] = canMount || code.startsWith('ERR_MOUNTPOINT') ? [test, ''] : [test.skip, WHY];
  here(`refused: ${title}${why}`, async (t) => {
    const options: MountOptions = { branches: branches.map((name) => join(root, name)) };
    const error = await t.throwsAsync(mount(join(root, target), options), { code });
    t.regex(error?.message ?? '', /; /, 'says what to do');
  });
}

(canMount ? test : test.skip)(
  `refused: a branch inside a mountpoint that may have entries${canMount ? '' : WHY}`,
  async (t) => {
    const call = mount(join(root, 'a'), { branches: [join(root, 'a/b')], nonEmpty: true });
    await t.throwsAsync(call, { code: 'ERR_BRANCH_OVERLAP' });
  },
);

test('no branch at all is a wrong call', async (t) => {
  await t.throwsAsync(mount(join(root, 'mnt'), { branches: [] }), { instanceOf: TypeError });
});

test('unmounting what is not mounted', async (t) => {
  await t.throwsAsync(unmount(join(root, 'mnt')), { code: 'ERR_NOT_MOUNTED' });
  await t.throwsAsync(unmount(join(root, 'nope/nope')), { code: 'ERR_NOT_MOUNTED' });
});
