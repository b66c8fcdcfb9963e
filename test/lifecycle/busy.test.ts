// SPDX-License-Identifier: MIT
// Mounts that are in use when they have to go.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { appendFile, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { AufsError } from '../../lib/errors.ts';
import { isDead } from '../../lib/mount/dead_mount.ts';
import { mountAt, readMounts } from '../../lib/mount/mountinfo.ts';
import { listServers } from '../../lib/mount/running_servers.ts';
import { mount, unmount } from '../../lib/mount.ts';
import { serverPath } from '../../lib/server_path.ts';
import { killAtOnce, mounted, nothingLeft, serverOf, startOwner, until } from '../helpers/server.ts';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';

/** A process that works in the mount and has a file of it open, until the test ends. */
async function user(t: ExecutionContext, stage: Stage): Promise<ReturnType<typeof spawn>> {
  const script = 'exec 3<a; echo ready; sleep 60';
  const child = spawn('sh', ['-c', script], {
    cwd: stage.target,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const end = (): void => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // it has ended
    }
  };
  t.teardown(end);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

mounting(
  `a mount in use is not unmounted: the error names who holds it, and it goes on working${why}`,
  async (t) => {
    const stage = await Stage.create(t, {}, { a: 'lower' });
    const mountpoint = await stage.mount();
    const child = await user(t, stage);
    const error = await t.throwsAsync<AufsError>(mountpoint.unmount(), { code: 'ERR_MOUNT_BUSY' });
    t.true(error?.message.includes(String(child.pid)), error?.message);
    await appendFile(stage.at('a'), '+');
    t.is(await readFile(stage.at('a'), 'utf8'), 'lower+');
    await mountpoint.unmount({ lazy: true });
    t.false(await mounted(stage.target));
    t.deepEqual(readdirSync(stage.target), []);
    process.kill(-(child.pid as number), 'SIGKILL');
    t.true(await nothingLeft(stage));
  },
);

mounting(`a file that is open over a lazy unmount can be written to the end${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const mountpoint = await stage.mount();
  {
    await using file = await open(stage.at('a'), 'r+');
    await mountpoint.unmount({ lazy: true });
    await file.write('LOWER', 0);
    t.is((await file.read(Buffer.alloc(5), 0, 5, 0)).buffer.toString(), 'LOWER');
  }
  t.true(await nothingLeft(stage));
  t.is(await readFile(join(stage.upper, 'a'), 'utf8'), 'LOWER');
});

mounting(`an owner killed while others use its mount leaves no mount${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const owner = await startOwner(t, stage);
  const child = await user(t, stage);
  owner.kill('SIGKILL');
  t.true(await until(async () => !(await mounted(stage.target)), 5000));
  t.deepEqual(readdirSync(stage.target), []);
  process.kill(-(child.pid as number), 'SIGKILL');
  t.true(await nothingLeft(stage, 15_000));
});

mounting(`kill -9 of the whole process group of the owner leaves nothing${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const owner = await startOwner(t, stage);
  process.kill(-(owner.pid as number), 'SIGKILL');
  t.true(await nothingLeft(stage, 2000));
});

mounting(`a worker killed while its mount is in use leaves no dead mount${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const mountpoint = await stage.mount();
  const child = await user(t, stage);
  let lost: AufsError | undefined;
  mountpoint.once('lost', (error) => {
    lost = error;
  });
  process.kill(serverOf(stage).worker, 'SIGKILL');
  t.true(await until(() => lost !== undefined));
  t.is(lost?.code, 'ERR_MOUNT_LOST');
  t.true(statSync(stage.target).isDirectory());
  t.true(await nothingLeft(stage));
  process.kill(-(child.pid as number), 'SIGKILL');
});

mounting(
  `both processes of the server killed at once: the owner clears away, and says so${why}`,
  async (t) => {
    const stage = await Stage.create(t, {}, { a: 'lower' });
    const mountpoint = await stage.mount();
    let lost: AufsError | undefined;
    mountpoint.once('lost', (error) => {
      lost = error;
    });
    const { supervisor, worker } = serverOf(stage);
    process.kill(supervisor, 'SIGKILL');
    process.kill(worker, 'SIGKILL');
    t.true(await until(() => lost !== undefined)); // a mount does not keep this process alive, so a promise would not do
    t.is(lost?.code, 'ERR_MOUNT_LOST');
    t.true(await nothingLeft(stage));
    t.true(statSync(stage.target).isDirectory());
    await t.throwsAsync(mountpoint.unmount(), { code: 'ERR_MOUNT_LOST' });
    await t.throwsAsync(mountpoint.stats(), { code: 'ERR_NOT_MOUNTED' });
    await using again = await mount(stage.target, { branches: stage.branches });
    t.is(await readFile(join(again.target, 'a'), 'utf8'), 'lower');
  },
);

/** A persistent mount whose two processes were killed at once, with a user, and with its attributes in the kernel's cache. */
async function deadMount(t: ExecutionContext): Promise<Stage> {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  await mount(stage.target, { branches: stage.branches, persist: true });
  await user(t, stage);
  statSync(stage.target);
  const { supervisor, worker } = serverOf(stage);
  killAtOnce([supervisor, worker]);
  const dead = async (): Promise<boolean> =>
    isDead(mountAt(await readMounts(), stage.target), await listServers());
  t.true(await until(dead));
  return stage;
}

mounting(`a dead mount is mounted over after it was taken away${why}`, async (t) => {
  const stage = await deadMount(t);
  const again = await stage.mount();
  t.is(await readFile(stage.at('a'), 'utf8'), 'lower');
  t.is((await readMounts()).filter(({ target }) => target === stage.target).length, 1);
  await again.unmount();
  t.true(await nothingLeft(stage));
});

mounting(`a dead mount is unmounted although it is in use${why}`, async (t) => {
  const stage = await deadMount(t);
  await unmount(stage.target);
  t.false(await mounted(stage.target));
  t.deepEqual(readdirSync(stage.target), []);
});

mounting(`the server itself, as mount(8) starts it, takes a dead mount away${why}`, async (t) => {
  const stage = await deadMount(t);
  await run(serverPath(), ['-o', `br=${stage.upper}=rw:${stage.lowers[0]}=ro+wh`, 'none', stage.target]);
  t.is(await readFile(stage.at('a'), 'utf8'), 'lower');
  t.is((await readMounts()).filter(({ target }) => target === stage.target).length, 1);
  await unmount(stage.target);
  t.true(await nothingLeft(stage));
});

(canMount && isRoot ? test.serial : test.skip)(
  `a mount of another kind over a dead one is left alone${canMount && isRoot ? '' : ' (needs root and /dev/fuse)'}`,
  async (t) => {
    const stage = await deadMount(t);
    await run('mount', ['-t', 'tmpfs', 'none', stage.target]);
    const mountpoint = await stage.mount();
    t.is((await readMounts()).filter(({ target }) => target === stage.target).length, 3);
    await mountpoint.unmount();
    await unmount(stage.target);
    await unmount(stage.target);
    t.false(await mounted(stage.target));
  },
);

const patient = canMount && process.env['AUFS_TEST_LONG'] !== undefined ? test.serial : test.skip;
patient(
  `a stopped worker does not keep the mount of a killed owner (20 s, needs AUFS_TEST_LONG)`,
  async (t) => {
    t.timeout(90_000);
    const stage = await Stage.create(t, {}, { a: 'lower' });
    const owner = await startOwner(t, stage);
    const { worker } = serverOf(stage);
    process.kill(worker, 'SIGSTOP');
    owner.kill('SIGKILL');
    t.true(await nothingLeft(stage, 40_000));
  },
);

mounting(`unmount waits for the writes of others, and several at once are one${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'x'.repeat(1_000_000) });
  const mountpoint = await stage.mount();
  await appendFile(stage.at('a'), '+');
  await Promise.all([mountpoint.unmount(), mountpoint.unmount(), mountpoint.unmount()]);
  t.is(statSync(join(stage.upper, 'a')).size, 1_000_001);
  t.true(await nothingLeft(stage));
});

mounting(`mounts made and unmounted over and over leave no process and no lock${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  for (let i = 0; i < 20; i++) {
    const mountpoint = await mount(stage.target, { branches: stage.branches });
    await writeFile(stage.at('a'), String(i));
    await mountpoint.unmount();
  }
  t.is(await readFile(join(stage.upper, 'a'), 'utf8'), '19');
  t.true(await nothingLeft(stage, 1000));
});

mounting(`many mounts at once, each with branches of its own${why}`, async (t) => {
  const stages = await Promise.all(Array.from({ length: 12 }, (_, i) => Stage.create(t, {}, { a: `${i}` })));
  await Promise.all(stages.map((stage) => stage.mount()));
  await Promise.all(stages.map((stage) => appendFile(stage.at('a'), '+')));
  t.deepEqual(
    await Promise.all(stages.map((stage) => readFile(stage.at('a'), 'utf8'))),
    stages.map((_, i) => `${i}+`),
  );
  await Promise.all(stages.map((stage) => stage.unmount()));
  for (const stage of stages) t.true(await nothingLeft(stage));
});

/** A process in a mount namespace of its own, which has a copy of the mount. */
async function copyInOtherNamespace(t: ExecutionContext, stage: Stage): Promise<void> {
  // Those of other tests must not be in it: a copy of a mount is what this is about.
  const others = 'awk \'$3 ~ /^fuse/ { print $2 }\' /proc/self/mounts | grep -vFx "$0" | xargs -r umount -l';
  const script = `${others}; echo ready; exec sleep 30`;
  const other = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, stage.target], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => other.kill('SIGKILL'));
  await once(other.stdout, 'data');
}

// Services that start have mount namespaces of their own, with a copy of all that is mounted at the time (R-RM1).
(canMount && isRoot ? test.serial : test.skip)(
  `a mount that another mount namespace has too does not keep the branches${canMount && isRoot ? '' : ' (needs root and /dev/fuse)'}`,
  async (t) => {
    const stage = await Stage.create(t, {}, { a: 'lower' });
    const mountpoint = await stage.mount();
    await copyInOtherNamespace(t, stage);
    await mountpoint.unmount();
    await sleep(100);
    await t.notThrowsAsync(stage.mount());
    await stage.unmount();
  },
);

(canMount && isRoot ? test.serial : test.skip)(
  `nor does a persistent one${canMount && isRoot ? '' : ' (needs root and /dev/fuse)'}`,
  async (t) => {
    const stage = await Stage.create(t, {}, { a: 'lower' });
    await mount(stage.target, { branches: stage.branches, persist: true });
    await copyInOtherNamespace(t, stage);
    await unmount(stage.target);
    t.true(await nothingLeft(stage, 100));
    await t.notThrowsAsync(stage.mount());
    await stage.unmount();
  },
);
