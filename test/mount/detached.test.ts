// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { mountAt, readMounts } from '../../lib/mount/mountinfo.ts';
import { mount, unmount } from '../../lib/mount.ts';
import { killAtOnce, processes, until } from '../helpers/server.ts';
import { canMount, isRoot } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

// A server that fails, and what is mounted on its target meanwhile; the server is a stand-in.
const cases = [
  {
    end: 'exit 1',
    stays: true,
    title: 'a server that fails does not take away what another one has mounted',
  },
  { end: 'kill -9 $$', stays: false, title: 'a starter that is killed leaves no mount' },
];

for (const { end, stays, title } of cases) {
  (isRoot ? test.serial : test.skip)(`${title}${isRoot ? '' : ' (needs root)'}`, async (t) => {
    const root = await temporaryDirectory(t);
    const target = join(root, 'mnt');
    for (const name of ['mnt', 'rw']) await mkdir(join(root, name));
    const server = join(root, 'server');
    await writeFile(server, `#!/bin/sh\nmount -t tmpfs tmpfs '${target}'\n${end}\n`);
    await chmod(server, 0o755);
    const mounted = async (): Promise<boolean> => mountAt(await readMounts(), target) !== undefined;
    const before = process.env['NODE_AUFS_SERVER'];
    process.env['NODE_AUFS_SERVER'] = server;
    try {
      await t.throwsAsync(mount(target, { branches: [join(root, 'rw')], persist: true }));
      t.is(await mounted(), stays);
    } finally {
      if (before === undefined) delete process.env['NODE_AUFS_SERVER'];
      else process.env['NODE_AUFS_SERVER'] = before;
      if (await mounted()) execFileSync('umount', ['-l', target]);
    }
  });
}

(canMount ? test.serial : test.skip)(
  `of two who mount the same stack at once one does, and its mount stays${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    const root = await temporaryDirectory(t);
    const target = join(root, 'mnt');
    for (const name of ['mnt', 'rw']) await mkdir(join(root, name));
    for (let round = 0; round < 6; round++) {
      const options = { branches: [join(root, 'rw')], persist: true };
      const both = await Promise.allSettled([mount(target, options), mount(target, options)]);
      try {
        t.is(both.filter(({ status }) => status === 'fulfilled').length, 1);
        await writeFile(join(target, `file${round}`), 'x');
        t.is(await readFile(join(root, 'rw', `file${round}`), 'utf8'), 'x');
      } finally {
        await unmount(target, { lazy: true }).catch(() => {});
      }
    }
  },
);

// The kernel gives the number of a mount that is gone to the next one.
(canMount && isRoot ? test.serial : test.skip)(
  `a server that notices late that it was unmounted leaves alone what is mounted there since${canMount && isRoot ? '' : ' (needs root and /dev/fuse)'}`,
  async (t) => {
    const root = await temporaryDirectory(t);
    const target = join(root, 'mnt');
    for (const name of ['mnt', 'first', 'second']) await mkdir(join(root, name));
    const number = async () => mountAt(await readMounts(), target)?.id;
    const servers = (branch: string) => processes(join(root, branch));
    await mount(target, { branches: [join(root, 'first')], persist: true });
    const before = await number();
    const first = servers('first');
    t.is(first.length, 2);
    try {
      for (const pid of first) process.kill(pid, 'SIGSTOP');
      execFileSync('umount', ['-l', target]);
      await mount(target, { branches: [join(root, 'second')], persist: true });
      if ((await number()) !== before) t.log('the number was not used again');
      for (const pid of first) process.kill(pid, 'SIGCONT');
      t.true(await until(() => servers('first').length === 0));
      await writeFile(join(target, 'file'), 'x');
      t.is(await readFile(join(root, 'second/file'), 'utf8'), 'x');
    } finally {
      killAtOnce(servers('first'));
      await unmount(target, { lazy: true }).catch(() => {});
    }
  },
);
