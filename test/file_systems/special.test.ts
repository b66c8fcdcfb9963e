// SPDX-License-Identifier: MIT
// Files and mounts with flags: immutable, append-only, read-only, noexec.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mount } from '../../lib/mount.ts';
import { kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { canMount, has, isRoot, run } from '../helpers/stage.ts';
import { readTree, type Tree, writeTree } from '../helpers/tree.ts';

interface Branches {
  readonly root: string;
  readonly rw: string;
  readonly ro: string;
  readonly mnt: string;
}

/** A test with two branches and a mountpoint on an ext4 of its own. */
function onExt4(
  title: string,
  upper: Tree,
  lower: Tree,
  body: (t: ExecutionContext, b: Branches) => Promise<void>,
) {
  const missing = [
    ...missingFor(kinds.ext4),
    ...(canMount ? [] : ['/dev/fuse']),
    ...(has('chattr') ? [] : ['chattr']),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 && isRoot ? test.serial : test.skip)(`${title}${note}`, async (t) => {
    const root = await newFileSystem(t, kinds.ext4);
    const [rw = '', ro = '', mnt = ''] = ['rw', 'ro', 'mnt'].map((name) => join(root, name));
    await mkdir(mnt);
    await writeTree(rw, upper);
    await writeTree(ro, lower);
    await body(t, { root, rw, ro, mnt });
  });
}

const show = ({ rw, ro, mnt }: Branches, upper = rw, lower = ro) => mount(mnt, { branches: [upper, lower] });

/** @returns what a script printed, errors too. */
async function sh(cwd: string, script: string): Promise<string> {
  return (await run('sh', ['-c', `exec 2>&1; ${script}`], { cwd, env: { ...process.env, LC_ALL: 'C' } }))
    .stdout;
}

onExt4(
  'what is immutable or append-only below is so in the union, and nothing below changes',
  {},
  { i: 'i', a: 'a', d: { x: 'x', s: { y: 'y' } } },
  async (t, b) => {
    await run('chattr', ['+i', 'i', 'd'], { cwd: b.ro });
    await run('chattr', ['+a', 'a'], { cwd: b.ro });
    try {
      const before = await readTree(b.ro);
      await using _ = await show(b);
      for (const script of [
        'echo + >> i',
        'echo new > a',
        'mv d e',
        'rm d/x',
        'echo n > d/n',
        'rm i',
        'rm a',
      ]) {
        t.regex(await sh(b.mnt, `${script} || true`), /Operation not permitted/, script);
      }
      t.is(await sh(b.mnt, 'printf + >> a'), '', 'appending');
      t.deepEqual(await readTree(b.mnt), { ...before, a: 'a+' });
      t.deepEqual(await readTree(b.ro), before);
    } finally {
      await run('chattr', ['-R', '-i', '-a', b.ro]).catch(() => {});
      await run('chattr', ['-a', join(b.ro, 'a')]);
      await run('chattr', ['-a', join(b.rw, 'a')]).catch(() => {});
    }
  },
);

const REFUSED = [
  'printf + >> i',
  'rm i',
  'mv i j',
  'ln i j',
  'chmod 600 i',
  'mv u i',
  'printf n > a',
  'rm a',
  'printf n > d/n',
  'mkdir d/n',
  'rm d/y',
  'rm d/x',
  'mv d/x n',
  'mv u d/x',
  'mv d e',
  'mv e d/e',
  'chmod 700 d',
  'chmod 600 d/x',
  'ln u d/u',
  'ln d/x d/z',
];

onExt4(
  'what is immutable or append-only in the writable branch refuses changes with EPERM, and nothing is half done',
  { i: 'i', a: 'a', u: 'u', d: { y: 'y', '.wh.w': '' }, e: {} },
  { d: { x: 'x', s: {}, w: 'w' }, i: 'below' },
  async (t, b) => {
    await run('chattr', ['+i', 'i', 'd'], { cwd: b.rw });
    await run('chattr', ['+a', 'a'], { cwd: b.rw });
    try {
      const wanted = { i: 'i', a: 'a', u: 'u', d: { x: 'x', y: 'y', s: {} }, e: {} };
      {
        await using _ = await show(b);
        for (const script of REFUSED) {
          t.regex(await sh(b.mnt, `${script} || true`), /Operation not permitted|I\/O error/, script);
          t.deepEqual(await readTree(b.mnt), wanted, script);
        }
      }
      await using _ = await show(b);
      t.deepEqual(await readTree(b.mnt), wanted, 'mounted again');
    } finally {
      await run('chattr', ['-i', 'i', 'd'], { cwd: b.rw });
      await run('chattr', ['-a', 'a'], { cwd: b.rw });
    }
  },
);

onExt4('an append-only file of the writable branch takes what is appended', { a: 'a' }, {}, async (t, b) => {
  await run('chattr', ['+a', 'a'], { cwd: b.rw });
  try {
    await using _ = await show(b);
    t.is(await sh(b.mnt, 'printf + >> a'), '');
    t.deepEqual(await readTree(b.mnt), { a: 'a+' });
  } finally {
    await run('chattr', ['-a', 'a'], { cwd: b.rw });
  }
});

onExt4(
  'a writable branch that is mounted read-only: it can be read, and writing is EROFS',
  { u: 'u' },
  { l: 'l', d: {} },
  async (t, b) => {
    const bound = join(b.root, 'bound');
    await mkdir(bound);
    await run('mount', ['--bind', b.rw, bound]);
    await run('mount', ['-o', 'remount,bind,ro', bound]);
    {
      await using _ = await show(b, bound);
      const wanted = { u: 'u', l: 'l', d: {} };
      for (const script of [
        'printf n > n',
        'printf n > u',
        'printf + >> l',
        'rm l',
        'mv d e',
        'mkdir x',
        'ln l m',
      ])
        t.regex(await sh(b.mnt, `${script} || true`), /Read-only file system|I\/O error/, script);
      t.deepEqual(await readTree(b.mnt), wanted);
    }
    await run('umount', [bound]);
    t.deepEqual(await readTree(b.rw, { housekeeping: true }), { u: 'u' });
  },
);

// As kernel overlayfs: the options of a branch say nothing of the union, whose own do.
onExt4(
  'branches mounted noexec, nosuid and nodev: the options of the mount count, not theirs',
  {},
  { x: '#!/bin/sh\necho ran\n' },
  async (t, b) => {
    const [above, below] = [join(b.root, 'above'), join(b.root, 'below')];
    await sh(b.ro, 'chmod 4755 x; mknod null c 1 3');
    for (const [from, to] of [[b.rw, above] as const, [b.ro, below] as const]) {
      await mkdir(to);
      await run('mount', ['--bind', from, to]);
      await run('mount', ['-o', 'remount,bind,noexec,nosuid,nodev', to]);
    }
    {
      await using _ = await show(b, above, below);
      t.is(
        await sh(b.mnt, './x; cat null; echo "# more" >> x; ./x; mv null moved; cat moved; stat -c %a x'),
        'ran\nran\n4755\n',
      );
    }
    await run('umount', [above, below]);
  },
);
