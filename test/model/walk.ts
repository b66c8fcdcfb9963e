// SPDX-License-Identifier: MIT
import type { ExecutionContext } from 'ava';
import type { Call } from '../helpers/agent.ts';
import { seeded, shrink } from '../helpers/random.ts';
import { randomStory, tell } from './story.ts';
import { hasMethod, showInProcess } from './union_performer.ts';
import { disagreement, type Show } from './world.ts';

export interface Walk {
  readonly seed: number;
  readonly steps: number;
  readonly show: Show;
  /** How long a story that fails may be made shorter, in ms. */
  readonly patience: number;
}

/** One random walk in the directory `root`, which is made for it. If it fails, the shortest story that still does is told. */
export async function walk(
  t: ExecutionContext,
  root: string,
  { seed, steps, show, patience }: Walk,
): Promise<void> {
  t.timeout(600_000);
  const whole = randomStory(seeded(seed + 1_000_000), steps);
  const story = show === showInProcess ? whole.filter(hasMethod) : whole;
  const found = await disagreement(root, seed, story, show);
  if (found === undefined) {
    t.pass();
    return;
  }
  const fails = async (part: readonly Call[]) => (await disagreement(root, seed, part, show)) !== undefined;
  const shortest = await shrink(story, fails, patience);
  t.fail(`SEED=${seed}\n${found}\n${tell(shortest)}\n${await disagreement(root, seed, shortest, show)}`);
}
