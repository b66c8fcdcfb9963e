// SPDX-License-Identifier: MIT
import test from 'ava';
import { canMount, has, isRoot } from '../helpers/stage.ts';
import type { Difference } from './compare.ts';
import type { Engine, Stage } from './engine.ts';
import { type EngineName, KNOWN, type Known, NOT_REPLAYED } from './known.ts';
import { recordings } from './recording.ts';
import { replay } from './replay.ts';

/** Makes a test of each scenario that is not listed in known.ts. */
export function replayAll(engine: EngineName, create: (stage: Stage) => Engine): void {
  const missing = whyNot(engine);
  const here = (only: EngineName | undefined) => only === undefined || only === engine;
  for (const recording of recordings) {
    const { id } = recording;
    const unable = NOT_REPLAYED[id];
    if (unable && here(unable.engine)) continue;
    if (missing !== undefined) {
      test.skip(`${engine}: ${id} (${missing})`, () => {});
      continue;
    }
    // Disks, caches of the kernel and the clock are everybody's: one at a time.
    const known = (KNOWN[id] ?? []).filter((entry) => here(entry.engine));
    test.serial(`${engine}: ${id}`, async (t) => {
      const { differences, left } = await replay(recording, create);
      if (left.length > 0) t.log('left out:', left);
      const unknown = differences.filter((difference) => !known.some((entry) => covers(entry, difference)));
      t.deepEqual(unknown, [], recording.title);
      const gone = known.filter((entry) => !differences.some((difference) => covers(entry, difference)));
      t.deepEqual(gone, [], 'entries of known.ts that are true no more: remove them');
    });
  }

  test(`${engine}: everything of class core is replayed`, (t) => {
    const core = recordings.filter((recording) => recording.class === 'core').map(({ id }) => id);
    t.deepEqual(
      core.filter((id) => Object.hasOwn(NOT_REPLAYED, id)),
      [],
    );
    const ids = new Set(recordings.map(({ id }) => id));
    const listed = [...Object.keys(KNOWN), ...Object.keys(NOT_REPLAYED)];
    t.deepEqual(
      listed.filter((id) => !ids.has(id)),
      [],
    );
  });
}

function covers({ at, got }: Known, difference: Difference): boolean {
  return at.test(difference.at) && (got === undefined || got === difference.got);
}

function whyNot(engine: EngineName): string | undefined {
  if (!has('python3')) return 'needs python3';
  if (!isRoot) return 'needs root: the set-up has owners and trusted attributes';
  return engine === 'mount' && !canMount ? 'needs /dev/fuse' : undefined;
}
