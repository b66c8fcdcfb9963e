// SPDX-License-Identifier: MIT
// Every call on every kind of thing, in a union and in a plain directory of the same file system: the same answers, and the
// same attributes of everything afterwards, also when it is mounted again.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mount } from '../../lib/mount.ts';
import { Agent } from '../helpers/agent.ts';
import { type FileSystemKind, kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { canMount, has, run } from '../helpers/stage.ts';
import { difference, oneErrno, withoutLinkCount } from '../model/world.ts';
import { allCells, type Cell, makeCells } from './cells.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const OLD = 'find . -exec touch -h -d @1000000000.123456789 {} +';

/** Where the things lie that calls are made on; a shell script that puts them there from `plain`. */
const PLACES = {
  'in the lower branch': 'cp -a plain/. ro',
  'in the writable branch': 'cp -a plain/. rw',
  // Directories are in both, files in the lower one but for some inside of directories.
  'in both branches': `cp -a plain/. ro; cp -a plain/. rw
    find rw -mindepth 3 -name y -prune -o ! -type d -exec rm {} +; find ro -mindepth 3 -name y -exec rm {} +
    for b in ro rw; do (cd $b; ${OLD}); done`,
} as const;

async function compare(
  t: ExecutionContext,
  root: string,
  cells: readonly Cell[],
  put: string,
): Promise<void> {
  t.timeout(300_000);
  for (const name of ['plain', 'ro', 'rw', 'mnt']) await mkdir(join(root, name));
  await using model = new Agent(join(root, 'plain'));
  await makeCells(model, cells);
  await run('sh', ['-euc', `(cd plain; ${OLD}); ${put}`], { cwd: root });
  const show = () =>
    mount(join(root, 'mnt'), { branches: [join(root, 'rw'), join(root, 'ro')], volatile: true });
  {
    await using _ = await show();
    await using ours = new Agent(join(root, 'mnt'));
    for (const { title, call } of cells) {
      const answers = [await ours.run(call), await model.run(call)];
      const [mine, theirs] = answers.map((answer) => oneErrno(call, answer));
      t.is(mine, theirs, title);
    }
    await same(t, ours, model, 'afterwards', (text) => text);
    await ours.run({ op: 'chdir', path: '/' });
  }
  await using _ = await show();
  await using again = new Agent(join(root, 'mnt'));
  await same(t, again, model, 'mounted again', withoutLinkCount);
  await again.run({ op: 'chdir', path: '/' });
}

async function same(
  t: ExecutionContext,
  ours: Agent,
  model: Agent,
  when: string,
  part: (text: string) => string,
): Promise<void> {
  const [mine, theirs] = [await ours.run({ op: 'snapshot' }), await model.run({ op: 'snapshot' })].map(part);
  if (mine !== theirs) t.fail(`${when}\n${difference(mine as string, theirs as string)}`);
}

function calls(kind: FileSystemKind, places: readonly (keyof typeof PLACES)[]): void {
  const missing = [
    ...missingFor(kind),
    ...(canMount ? [] : ['/dev/fuse']),
    ...(has('python3') ? [] : ['python3']),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  for (const place of places) {
    (missing.length === 0 ? test.serial : test.skip)(
      `${kind.title}: each call on each kind of thing, ${place}${note}`,
      async (t) => compare(t, await newFileSystem(t, kind), allCells(), PLACES[place]),
    );
  }
}

const all = Object.keys(PLACES) as (keyof typeof PLACES)[];
calls(kinds.ext4, LONG ? all : ['in both branches']);
calls(kinds.xfs, LONG ? all : ['in the lower branch']);
calls(kinds.btrfs, LONG ? all : ['in both branches']);
calls(kinds.tmpfs, LONG ? all : ['in the lower branch']);
