// SPDX-License-Identifier: MIT
// Every call on every kind of thing, in a union and in a plain directory.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mount } from '../../lib/mount.ts';
import { Agent } from '../helpers/agent.ts';
import { type FileSystemKind, mountNew, newFileSystem } from '../helpers/file_system.ts';
import { run } from '../helpers/stage.ts';
import { difference, oneErrno, withoutLinkCount } from '../model/world.ts';
import { allCells, type Cell, makeCells } from './cells.ts';

const OLD = 'find . -exec touch -h -d @1000000000.123456789 {} +';

/** Where the things lie that calls are made on; a shell script that puts them there from `plain`. */
export const PLACES = {
  'in the lower branch': 'cp -a plain/. ro',
  'in the writable branch': 'cp -a plain/. rw',
  // Directories are in both, files in the lower one but for some inside of directories.
  'in both branches': `cp -a plain/. ro; cp -a plain/. rw
    find rw -mindepth 3 -name y -prune -o ! -type d -exec rm {} +; find ro -mindepth 3 -name y -exec rm {} +
    for b in ro rw; do (cd $b; ${OLD}); done`,
} as const;

export type PlaceName = keyof typeof PLACES;

/** How a union and a directory are compared. */
export interface Comparison {
  /** The file system of the writable branch and of the model. */
  readonly upper: FileSystemKind;
  /** That of the lower branch. @default the same one */
  readonly lower?: FileSystemKind;
  readonly place: PlaceName;
  /** Where the things are made first, to be copied to the other: where fewer can be made. @default 'plain' */
  readonly from?: 'plain' | 'ro';
  /** Which cells are played. @default all */
  readonly choose?: (cell: Cell, index: number) => boolean;
  /** Takes out of answers and of lines of a tree what need not be alike. */
  readonly part?: (text: string) => string;
}

export async function compareCalls(t: ExecutionContext, comparison: Comparison): Promise<void> {
  t.timeout(300_000);
  const { part = (text: string) => text } = comparison;
  const root = await newFileSystem(t, comparison.upper);
  const cells = await setUp(root, comparison);
  const at = (name: string): string => join(root, name);
  await using model = new Agent(at('plain'));
  const show = () => mount(at('mnt'), { branches: [at('rw'), at('ro')], volatile: true });
  {
    await using _ = await show();
    await using ours = new Agent(at('mnt'));
    for (const { title, call } of cells) {
      const answers = [await ours.run(call), await model.run(call)];
      const [mine, theirs] = answers.map((answer) => part(oneErrno(call, answer)));
      t.is(mine, theirs, title);
    }
    await same(t, ours, model, 'afterwards', part);
    await ours.run({ op: 'chdir', path: '/' });
  }
  await using _ = await show();
  await using again = new Agent(at('mnt'));
  await same(t, again, model, 'mounted again', (text) => withoutLinkCount(part(text)));
  await again.run({ op: 'chdir', path: '/' });
}

/** @returns the cells that the file system can hold. */
async function setUp(
  root: string,
  { lower, place, from = 'plain', choose = () => true }: Comparison,
): Promise<Cell[]> {
  for (const name of ['plain', 'rw', 'mnt']) await mkdir(join(root, name));
  if (lower === undefined) await mkdir(join(root, 'ro'));
  else await mountNew(lower, join(root, 'ro'));
  const put = from === 'plain' ? PLACES[place] : 'cp -a ro/. plain';
  await using agent = new Agent(join(root, from));
  const cells = await makeCells(agent, allCells().filter(choose));
  await run('sh', ['-euc', `(cd ${from}; ${OLD}); ${put}`], { cwd: root });
  return cells;
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
