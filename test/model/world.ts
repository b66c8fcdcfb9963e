// SPDX-License-Identifier: MIT
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Mount, mount, unmount } from '../../lib/mount.ts';
import type { Branch, BranchMode, StackOptions } from '../../lib/options.ts';
import { Agent, type Call } from '../helpers/agent.ts';
import { applyLayer } from '../helpers/apply_layer.ts';
import { type Pick, seeded } from '../helpers/random.ts';
import { run } from '../helpers/stage.ts';
import { randomLayer } from './random_layer.ts';

/** What does the calls of a story: an agent in a directory, or something that answers as one. */
export interface Performer extends AsyncDisposable {
  run(call: Call): Promise<string>;
}

/** Shows a stack of branches, and shows it again. */
export interface Shown {
  readonly performer: Performer;
  remount(): Promise<void>;
  hide(): Promise<void>;
}

/** A stack of branches, and how the union is to treat it. */
export interface World extends StackOptions {
  readonly branches: readonly Branch[];
  readonly readOnly?: boolean;
}

export type Show = (world: World, target: string) => Promise<Shown>;

/** The stack of a world, topmost first: what its branches are. */
export interface Shape extends StackOptions {
  readonly modes: readonly BranchMode[];
}

const USUAL: Shape = { modes: ['rw', 'ro+wh', 'ro+wh'] };

export async function showMount(world: World, target: string): Promise<Shown> {
  const mountAgain = (): Promise<Mount> => mount(target, { ...world, volatile: true });
  let mounted = await mountAgain();
  const performer = new Agent(target);
  const leave = async (): Promise<void> => {
    await performer.run({ op: 'release' });
    await performer.run({ op: 'chdir', path: '/' });
    await mounted.unmount();
  };
  return {
    performer,
    async remount() {
      await leave();
      mounted = await mountAgain();
      await performer.run({ op: 'chdir', path: target });
    },
    async hide() {
      try {
        await leave();
      } finally {
        await performer[Symbol.asyncDispose]();
        await unmount(target, { lazy: true }).catch(() => {});
      }
    },
  };
}

/** What one seed stands for: branches that differ from seed to seed. */
async function makeBranches(root: string, seed: number, modes: readonly BranchMode[]): Promise<Branch[]> {
  const pick: Pick = seeded(seed);
  const branches = modes.map((mode, i) => ({ mode, path: join(root, i === 0 ? 'rw' : `branch${i}`) }));
  // Names of a file that a branch above hides count for its st_nlink all the same, so links are in the topmost layer only.
  const filled = pick(2) === 0;
  for (const [i, { path }] of branches.entries()) {
    const hardLinks = i === (filled ? 0 : 1);
    if (i > 0 || filled) randomLayer(path, pick, { whiteouts: i < modes.length - 1, hardLinks });
    else await mkdir(path, { recursive: true });
  }
  return branches;
}

/** What a layer is without times and attributes, which {@link applyLayer} does not know to the last digit. */
function shape(snapshot: string): string {
  const entries = JSON.parse(snapshot) as [string, Record<string, unknown>][];
  return entries.map(([path, { mtime, xattrs, ...rest }]) => JSON.stringify([path, rest])).join('\n');
}

async function look(root: string): Promise<string> {
  await using agent = new Agent(root);
  return agent.run({ op: 'snapshot' });
}

/**
 * Tells the story to a union of the branches of `seed` and to a plain directory that holds the same.
 * @returns the first thing that they do not agree about, if any. `root` is empty before and afterwards.
 */
export async function disagreement(
  root: string,
  seed: number,
  story: readonly Call[],
  show: Show,
  shape: Shape = USUAL,
): Promise<string | undefined> {
  await rm(root, { recursive: true, force: true });
  const { modes, ...options } = shape;
  const branches = await makeBranches(root, seed, modes);
  const [plain, target] = [join(root, 'plain'), join(root, 'mnt')];
  await Promise.all([mkdir(plain), mkdir(target)]);
  for (const { path } of branches.toReversed()) applyLayer(path, plain);
  const lowers = readOnly(branches);
  const before = await Promise.all(lowers.map(look));

  let found: string | undefined;
  {
    await using model = new Agent(plain);
    const shown = await show({ branches, ...options }, target);
    try {
      found = await play(story, shown, model, branches.length - lowers.length > 1);
    } finally {
      await shown.hide();
    }
  }
  found ??= await afterwards(root, branches, await look(plain), lowers, before);
  await rm(root, { recursive: true, force: true });
  return found;
}

/**
 * Tells the stories to a mount of the branches of `seed`, all at once. Nobody can say what comes of it, but a new mount shows
 * the same, and so does the stack of layers.
 * @returns the first thing that is not so.
 */
export async function confusion(
  root: string,
  seed: number,
  stories: readonly (readonly Call[])[],
): Promise<string | undefined> {
  await rm(root, { recursive: true, force: true });
  const branches = await makeBranches(root, seed, USUAL.modes);
  const target = join(root, 'mnt');
  await mkdir(target);
  const lowers = readOnly(branches);
  const before = await Promise.all(lowers.map(look));
  const shown = await showMount({ branches }, target);
  let [first, second] = ['', ''];
  try {
    await Promise.all(stories.map((story) => perform(story, target)));
    first = await shown.performer.run({ op: 'snapshot' });
    await shown.remount();
    second = await shown.performer.run({ op: 'snapshot' });
  } finally {
    await shown.hide();
  }
  if (withoutLinkCount(first) !== withoutLinkCount(second)) {
    return `a new mount shows something else\n${difference(first, second)}`;
  }
  const found = await afterwards(root, branches, withoutLinkCount(second), lowers, before);
  if (found === undefined) await rm(root, { recursive: true, force: true });
  return found;
}

async function perform(story: readonly Call[], target: string): Promise<void> {
  await using agent = new Agent(target);
  for (const call of story) await agent.run(call);
}

function readOnly(branches: readonly Branch[]): string[] {
  return branches.filter(({ mode }) => !mode.startsWith('rw')).map(({ path }) => path);
}

/** `apart`: two names of one file may have to be in different branches, which is EXDEV, and no model knows when. */
async function play(
  story: readonly Call[],
  shown: Shown,
  model: Performer,
  apart: boolean,
): Promise<string | undefined> {
  let remounted = false;
  for (const [i, call] of story.entries()) {
    if (call.op === 'remount') {
      remounted = true;
      await model.run({ op: 'release' });
      await shown.remount();
      continue;
    }
    const first = shown.performer.run(call);
    if (apart && (await first) === '"EXDEV"') continue;
    const both = await Promise.all([first, model.run(call)]);
    const answers = both.map((answer) => oneErrno(call, answer));
    const [ours = '', theirs = ''] = remounted ? answers.map(withoutLinkCount) : answers;
    if (ours === theirs) continue;
    return `step ${i}: ${JSON.stringify(call)}\n${difference(ours, theirs)}`;
  }
  return undefined;
}

/**
 * Where more than one errno will do, the same one. rename(2) over a directory that is not empty: POSIX allows two names for it,
 * and XFS takes the other one.
 */
export function oneErrno({ op }: Call, answer: string): string {
  if (op === 'rename' && answer === '"EEXIST"') return '"ENOTEMPTY"';
  if (op === 'removexattr' && answer === '"ENOTSUP"') return '"ENODATA"';
  return answer;
}

/** The count of a file of which no name was copied up starts anew with the mount: docs/decisions/0007. */
export function withoutLinkCount(answer: string): string {
  return answer.replaceAll(/"nlink":\d+/g, '"nlink":"?"');
}

/** What must hold of the branches when nothing is mounted any more. */
async function afterwards(
  root: string,
  branches: readonly Branch[],
  seen: string,
  lowers: readonly string[],
  before: readonly string[],
): Promise<string | undefined> {
  const after = await Promise.all(lowers.map(look));
  if (JSON.stringify(after) !== JSON.stringify(before)) {
    return `a lower branch changed\n${difference(JSON.stringify(after), JSON.stringify(before))}`;
  }
  const paths = branches.map(({ path }) => path);
  const { stdout } = await run('find', [...paths, '-name', '.wh..wh.*', '-printf', '%P\n']);
  const housekeeping = /^\.wh\.\.wh\.(aufs|orph|plnk)$|(^|\/)\.wh\.\.wh\.\.opq$/;
  const left = stdout.split('\n').filter((path) => path !== '' && !housekeeping.test(path));
  if (left.length > 0) return `left over: ${left.join(' ')}`;
  const applied = join(root, 'applied');
  await mkdir(applied);
  for (const path of paths.toReversed()) applyLayer(path, applied);
  const told = await look(applied);
  const [layers, wanted] = [shape(seen.includes('"nlink":"?"') ? withoutLinkCount(told) : told), shape(seen)];
  return layers === wanted ? undefined : `the layer does not tell the change\n${difference(layers, wanted)}`;
}

/** Both answers, or the lines of them that differ. */
export function difference(ours: string, theirs: string): string {
  if (ours.length + theirs.length < 400) return `ours:   ${ours}\nplain:  ${theirs}`;
  const lines = (text: string): string[] =>
    text.includes('\n') ? text.split('\n') : text.replaceAll('],["', '],\n["').split('\n');
  const [a, b] = [lines(ours), lines(theirs)];
  const only = (these: readonly string[], those: readonly string[]) =>
    these.filter((line) => !those.includes(line)).slice(0, 20);
  return `ours:\n  ${only(a, b).join('\n  ')}\nplain:\n  ${only(b, a).join('\n  ')}`;
}
