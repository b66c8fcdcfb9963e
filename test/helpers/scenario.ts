// SPDX-License-Identifier: MIT
import { readdir } from 'node:fs/promises';
import type { ExecutionContext, TestFn } from 'ava';
import { hasCode } from '../../lib/errors.ts';
import { mountAt, readMounts } from '../../lib/mount/mountinfo.ts';
import { type Engine, engines } from './engines.ts';
import { look } from './look.ts';
import type { Place } from './place.ts';
import { Stage } from './stage.ts';
import { readMetadata, readTree, type Tree } from './tree.ts';

/** One rule, told as: these branches, this action, then this is seen and this is stored. */
export interface Scenario {
  readonly title: string;
  readonly upper?: Tree;
  /** One lower branch, or several, topmost first. */
  readonly lower?: Tree | readonly Tree[];
  readonly act?: (place: Place, t: ExecutionContext) => Promise<unknown>;
  /** errno name that `act` must fail with; the trees are checked all the same. */
  readonly fails?: string;
  readonly merged?: Tree;
  readonly upperAfter?: Tree;
  /**
   * The engines that the rule holds for; kernel overlayfs differs in some, see docs/semantics.md, and without a union there
   * is none of its own.
   * @default all
   */
  readonly on?: readonly Engine['name'][];
}

/**
 * A test for each rule on each engine. After each, no lower branch has changed and nothing is mounted, and what is stored
 * shows the same again.
 */
export function scenarios(test: TestFn, rows: readonly Scenario[]): void {
  for (const row of rows) {
    for (const engine of engines) {
      if (row.on !== undefined && !row.on.includes(engine.name)) continue;
      const title = `${engine.name}: ${row.title}`;
      if (engine.missing === undefined) test.serial(title, (t) => play(t, row, engine));
      else test.skip(`${title} (${engine.missing})`, (t) => t.pass());
    }
  }
}

async function play(t: ExecutionContext, row: Scenario, engine: Engine): Promise<void> {
  const { upper = {}, lower = {}, act, fails, merged, upperAfter } = row;
  const lowers = Array.isArray(lower) ? (lower as readonly Tree[]) : [lower as Tree];
  const stage = await Stage.create(t, upper, ...lowers);
  const before = await lookAtLowers(stage, engine);
  await engine.show(stage, async (place) => {
    const error =
      act === undefined
        ? undefined
        : await act(place, t).then(
            () => undefined,
            (e: unknown) => e,
          );
    if (fails === undefined) t.is(error, undefined);
    else t.true(hasCode(error, fails), `failed with ${String(error)} instead of ${fails}`);
    if (merged !== undefined) t.deepEqual(await look(place), merged);
  });
  if (upperAfter !== undefined && engine.stores) t.deepEqual(await readTree(stage.upper), upperAfter);
  if (merged !== undefined && engine.stores) {
    await engine.show(stage, async (place) => {
      t.deepEqual(await look(place), merged, 'shown again');
    });
  }
  t.deepEqual(await lookAtLowers(stage, engine), before, 'a lower branch changed');
  t.deepEqual(await readdir(stage.target), []);
  t.is(mountAt(await readMounts(), stage.target), undefined);
}

/** Content of the lower branches, and, where the engine leaves them alone, all that can be seen of them. */
function lookAtLowers({ lowers }: Stage, { converts }: Engine): Promise<unknown[]> {
  return Promise.all(lowers.map((path) => (converts ? readTree(path) : readMetadata(path))));
}
