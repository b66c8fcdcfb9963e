// SPDX-License-Identifier: MIT
// A writable branch with no room left: the call says so, and the union is as it was.
import { existsSync, readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hasCode } from '../../lib/errors.ts';
import { Union } from '../../lib/union.ts';
import { DirectoryPlace, type Place, UnionPlace } from '../helpers/place.ts';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';

const PAGES = 'x'.repeat(300_000);
const LOWER: Tree = {
  big: PAGES.repeat(10),
  other: PAGES,
  hard1: PAGES.repeat(5),
  hard2: { hard: 'hard1' },
  d: { s: { a: PAGES, b: PAGES, c: PAGES, d: PAGES, e: PAGES }, f: 'f' },
};

type Act = (place: Place) => Promise<unknown>;
const CALLS: readonly (readonly [title: string, act: Act])[] = [
  ['write', (p) => p.appendFile('big', '+')],
  ['truncate', (p) => p.truncate('big', 2_900_000)],
  ['chmod', (p) => p.chmod('big', 0o600)],
  ['rename of a file', (p) => p.rename('big', 'd/s/a')],
  ['link', (p) => p.link('big', 'd/s/new')],
  ['rename of a directory', (p) => p.rename('d', 'e')],
  ['exchange', (p) => p.exchange('big', 'd')],
  ['write to a hard link', (p) => p.appendFile('hard2', '+')],
];

const FEW: Tree = { a: 'a', b: 'b', d: { x: 'x' } };
const WITHOUT_INODES: readonly (readonly [title: string, act: Act])[] = [
  ['create', (p) => p.writeFile('new', '')],
  ['mkdir', (p) => p.mkdir('new')],
  ['rename', (p) => p.rename('a', 'c')],
  ['write', (p) => p.appendFile('d/x', '+')],
];

async function inBoth(
  t: ExecutionContext,
  lower: Tree,
  options: string,
  fill: (stage: Stage) => Promise<void>,
  act: Act,
): Promise<void> {
  const engines: ((stage: Stage, body: (place: Place) => Promise<void>) => Promise<void>)[] = [
    async (stage, body) => {
      await stage.mount();
      await body(new DirectoryPlace(stage.target));
      await stage.unmount();
    },
    async (stage, body) => {
      await using union = await Union.open({ branches: stage.branches });
      await body(new UnionPlace(union));
    },
  ];
  for (const show of engines) {
    const stage = await Stage.create(t, {}, lower);
    await run('mount', ['-t', 'tmpfs', '-o', options, 'none', stage.upper]);
    t.teardown(() => run('umount', ['-l', stage.upper]));
    await fill(stage);
    const before = await describe(new DirectoryPlace(stage.lowers[0] as string), '');
    const filled = readdirSync(stage.upper).filter((name) => !name.startsWith('.wh..wh.'));
    await show(stage, async (place) => {
      const error: unknown = await act(place).then(
        () => undefined,
        (e: unknown) => e,
      );
      t.true(hasCode(error, 'ENOSPC'), `failed with ${String(error)}`);
      t.deepEqual(await describe(place, '', filled), before);
    });
    const orphans = join(stage.upper, '.wh..wh.orph');
    if (existsSync(orphans)) t.deepEqual(readdirSync(orphans), []);
    // Room again, and it goes on.
    for (const name of filled) await rm(join(stage.upper, name));
    await run('mount', ['-o', 'remount,size=64m,nr_inodes=10000', stage.upper]);
    await show(stage, async (place) => {
      t.deepEqual(await describe(place, ''), before);
      await act(place);
    });
  }
}

/** Names, types, modes, sizes and link counts. */
async function describe(place: Place, path: string, without: readonly string[] = []): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await place.readdir(path)).sort()) {
    if (without.includes(name)) continue;
    const at = path === '' ? name : `${path}/${name}`;
    const { mode, size, nlink } = await place.lstat(at);
    const directory = (mode & 0o170000) === 0o040000;
    lines.push(`${at} ${mode.toString(8)} ${directory ? '' : `${size} ${nlink}`}`);
    if (directory) lines.push(...(await describe(place, at)));
  }
  return lines;
}

const possible = canMount && isRoot;
const why = possible ? '' : ' (needs root and /dev/fuse)';

for (const [title, act] of CALLS) {
  (possible ? test.serial : test.skip)(`no room for data: ${title}${why}`, (t) =>
    inBoth(t, LOWER, 'size=1m', async () => {}, act),
  );
}

for (const [title, act] of WITHOUT_INODES) {
  (possible ? test.serial : test.skip)(`no inode left: ${title}${why}`, (t) =>
    inBoth(
      t,
      FEW,
      'size=1m,nr_inodes=12',
      async (stage) => {
        for (let i = 0; ; i++) {
          try {
            await writeFile(join(stage.upper, `fill${i}`), '');
          } catch {
            return;
          }
        }
      },
      act,
    ),
  );
}
