// SPDX-License-Identifier: MIT
// Branches that cannot go or change now, and why; and what is left of one that went: nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { AufsError } from '../../lib/errors.ts';
import { mountDirectories } from '../../lib/mount/mount_directories.ts';
import { mountedBranches, unmount } from '../../lib/mount.ts';
import { Union } from '../../lib/union.ts';
import { run } from '../helpers/stage.ts';
import { onBoth, onMount, type Plans, Rig } from './rig.ts';

const plans: Plans = {
  rw: { mode: 'rw' },
  mid: { mode: 'ro+wh', tree: { m: 'mid', only: { in: '' }, both: {} } },
  ro: { mode: 'ro', tree: { m: 'ro', r: 'ro', both: { r: '' } } },
};

/** Runs a shell script in the mount that keeps something, until the test ends. */
async function keeper(t: ExecutionContext, cwd: string, script: string): Promise<number> {
  const child = spawn('sh', ['-c', `${script}; echo ready; sleep 60`], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.teardown(() => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // it has ended
    }
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child.pid as number;
}

async function busy(t: ExecutionContext, what: Promise<void>, users: readonly string[]): Promise<string> {
  const error = await t.throwsAsync<AufsError>(what, { instanceOf: AufsError, code: 'ERR_BRANCH_BUSY' });
  t.deepEqual(error?.details['users'], users);
  return String(error?.message);
}

const HOLD: readonly [title: string, cwd: string, script: string, users: readonly string[]][] = [
  ['a file open for reading', '', 'exec 3<m', ['m']],
  ['a file open for reading and writing', '', 'exec 3<>m', ['m']],
  ['a file in a directory', '', 'exec 3<only/in', ['only/in']],
  ['an open directory', '', 'exec 3<only', ['only']],
  ['a working directory', 'only', ':', ['only']],
];
for (const [title, cwd, script, users] of HOLD) {
  onMount(`a branch with ${title} stays, and who keeps it is told`, plans, async (t, rig) => {
    await using mounted = await rig.mount();
    const pid = await keeper(t, rig.at(cwd), script);
    const message = await busy(t, mounted.branches.remove(rig.path('mid')), users);
    t.true(message.includes(`pid ${pid}`), message);
    t.is((await mounted.branches.list()).length, 3);
    t.is(readFileSync(rig.at('m'), 'utf8'), 'mid');
    process.kill(-pid, 'SIGKILL');
    for (let i = 0; i < 50; i++) {
      const gone = await mounted.branches.remove(rig.path('mid')).then(
        () => true,
        () => false,
      );
      if (gone) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    t.is(readFileSync(rig.at('m'), 'utf8'), 'ro');
  });
}

onMount('who stands in a directory that another branch has, too, keeps nothing', plans, async (t, rig) => {
  await using mounted = await rig.mount();
  await keeper(t, rig.at('both'), 'exec 3<.');
  await mounted.branches.remove(rig.path('mid'));
  t.is(readFileSync(rig.at('m'), 'utf8'), 'ro');
  await mounted.unmount({ lazy: true });
});

onMount('an unlinked file that is open keeps its branch', plans, async (t, rig) => {
  await using mounted = await rig.mount();
  writeFileSync(rig.at('new'), 'x');
  await keeper(t, rig.target, 'exec 3<new; rm new');
  await busy(t, mounted.branches.remove(rig.path('rw')), ['(deleted)']);
  await mounted.unmount({ lazy: true });
});

test('in process an open file keeps its branch, too', async (t) => {
  const rig = await Rig.create(t, plans);
  await using union = await rig.open();
  const file = await union.open('m', 'r');
  await busy(t, union.stack.remove(rig.path('mid')), ['m']);
  await file.close();
  await union.stack.remove(rig.path('mid'));
  t.is(await union.readFile('m', 'utf8'), 'ro');
});

onMount(
  'nothing is left of a branch that went: its file system can be unmounted, another union can write to it',
  { ...plans, gone: { mode: 'rw', mib: 4, tree: { d: { e: { f: 'x' } } } } },
  async (t, rig) => {
    await using mounted = await rig.mount();
    t.is(readFileSync(rig.at('d/e/f'), 'utf8'), 'x');
    writeFileSync(rig.at('d/e/f'), 'y');
    await t.throwsAsync(Union.open({ branches: [rig.path('gone')] }), { code: 'ERR_BRANCH_BUSY' });
    await mounted.branches.remove(rig.path('gone'));
    {
      await using second = await Union.open({ branches: [rig.path('gone')] });
      t.is(await second.readFile('d/e/f', 'utf8'), 'y');
    }
    await run('umount', [rig.path('gone')]);
    t.is(readFileSync(rig.at('m'), 'utf8'), 'mid');
  },
  { root: true },
);

onBoth(
  'a branch that another union writes to cannot be added or become writable',
  plans,
  {},
  async (t, rig, { stack }) => {
    mkdirSync(rig.path('other'));
    {
      await using other = await Union.open({ branches: [rig.path('other')] });
      t.is(other.branches.length, 1);
      await t.throwsAsync(stack.add({ path: rig.path('other'), mode: 'rw' }), { code: 'ERR_BRANCH_BUSY' });
      await stack.add(rig.path('other'));
      await t.throwsAsync(stack.modify(rig.path('other'), 'rw'), { code: 'ERR_BRANCH_BUSY' });
      t.is((await stack.list()).at(-1)?.mode, 'ro+wh');
    }
    await stack.modify(rig.path('other'), 'rw');
    await t.throwsAsync(Union.open({ branches: [rig.path('other')] }), { code: 'ERR_BRANCH_BUSY' });
    await stack.modify(rig.path('other'), 'ro');
    await (await Union.open({ branches: [rig.path('other')] })).close();
    return undefined;
  },
);

const two: Plans = { a: { mode: 'rw' }, b: { mode: 'rw', tree: { f: 'old' } } };

onMount(
  'a writer keeps its branch writable where the kernel writes to it itself (passthrough)',
  two,
  async (t, rig) => {
    await using mounted = await rig.mount();
    const file = await open(rig.at('f'), 'r+');
    await file.write('1', 0);
    if (mounted.passthrough) {
      await busy(t, mounted.branches.modify(rig.path('b'), 'ro'), ['f']);
      await file.write('2', 1);
      await file.close();
      await mounted.branches.modify(rig.path('b'), 'ro');
    } else {
      await mounted.branches.modify(rig.path('b'), 'ro');
      await file.write('2', 1);
      await file.close();
      t.is(readFileSync(rig.path('a', 'f'), 'utf8'), '12d');
    }
    t.is(readFileSync(rig.at('f'), 'utf8'), '12d');
  },
);

/** A mount without passthrough, which the API does not offer. */
async function slowMount(t: ExecutionContext, rig: Rig): Promise<void> {
  const stack = rig.branches.map(({ path, mode }) => `${path}=${mode}`).join(':');
  await mountDirectories(undefined, rig.target, `br=${stack},nopassthrough`, undefined);
  t.teardown(() => unmount(rig.target, { lazy: true }).catch(() => undefined));
}

onMount('without passthrough a writer goes on in the branch above', two, async (t, rig) => {
  await slowMount(t, rig);
  const branches = mountedBranches(rig.target);
  const file = await open(rig.at('f'), 'r+');
  await file.write('1', 0);
  await branches.modify(rig.path('b'), 'ro');
  await file.write('2', 1);
  t.is(readFileSync(rig.path('b', 'f'), 'utf8'), '1ld');
  t.is(readFileSync(rig.path('a', 'f'), 'utf8'), '12d');
  await branches.modify(rig.path('a'), 'ro');
  await t.throwsAsync(file.write('3', 2), { code: 'EROFS' });
  await branches.modify(rig.path('a'), 'rw');
  await file.write('3', 2);
  await file.close();
  t.is(readFileSync(rig.at('f'), 'utf8'), '123');
});

onBoth('refused', { ...plans, new: {} }, {}, async (t, rig, { name, stack, place }) => {
  mkdirSync(rig.path('new/in'));
  writeFileSync(rig.path('file'), '');
  symlinkSync(rig.path('mid'), rig.path('link'));
  const before = await stack.list();
  const refused = (what: Promise<void>, code: string) => t.throwsAsync(what, { code });
  await refused(stack.add(rig.path('nowhere')), 'ERR_BRANCH_NOT_FOUND');
  await refused(stack.add(rig.path('file')), 'ERR_BRANCH_NOT_FOUND');
  await refused(stack.add(rig.path('mid')), 'ERR_BRANCH_OVERLAP');
  await refused(stack.add(rig.path('link')), 'ERR_BRANCH_OVERLAP');
  await refused(stack.add(rig.path('mid/only')), 'ERR_BRANCH_OVERLAP');
  await refused(stack.add(rig.root), 'ERR_BRANCH_OVERLAP');
  if (name === 'mount') await refused(stack.add(rig.target), 'ERR_BRANCH_OVERLAP');
  await refused(stack.remove(rig.path('new')), 'ERR_BRANCH_NOT_FOUND');
  await refused(stack.remove(rig.path('nowhere')), 'ERR_BRANCH_NOT_FOUND');
  await refused(stack.modify(rig.path('new'), 'ro'), 'ERR_BRANCH_NOT_FOUND');
  for (const position of [-1, 4, 1.5, Number.NaN, 2 ** 31, 70_000])
    await t.throwsAsync(stack.insert(position, rig.path('new')), { instanceOf: RangeError });
  await t.throwsAsync(stack.add(''), { instanceOf: TypeError });
  await t.throwsAsync(stack.add({ path: rig.path('new'), mode: 'rw+nonsense' }), { instanceOf: TypeError });
  t.deepEqual(await stack.list(), before);
  t.is(await place.readFile('m'), 'mid');
  await stack.remove(rig.path('link'));
  await stack.remove(rig.path('ro'));
  await refused(stack.remove(rig.path('rw')), 'ERR_USAGE');
  t.is((await stack.list()).length, 1);
  return undefined;
});

onMount('what is no mount of ours', plans, async (t, rig) => {
  for (const path of [rig.root, '/proc', '/dev/shm'])
    await t.throwsAsync(mountedBranches(path).list(), { code: 'ERR_NOT_MOUNTED' }, path);
  await t.throwsAsync(mountedBranches(rig.path('nowhere')).list(), { code: 'ENOENT' });
  const mounted = await rig.mount();
  const { branches } = mounted;
  await mounted.unmount();
  await t.throwsAsync(branches.list(), { code: 'ERR_NOT_MOUNTED' });
  await t.throwsAsync(branches.add(rig.path('ro')), { code: 'ERR_NOT_MOUNTED' });
});
