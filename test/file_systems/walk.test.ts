// SPDX-License-Identifier: MIT
// The random walks of test/model with the branches, the mountpoint and the model on file systems of several kinds.
// SEED=n repeats one on each; AUFS_TEST_LONG=1 walks longer.
import { join } from 'node:path';
import test from 'ava';
import { type FileSystemKind, kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { canMount, has } from '../helpers/stage.ts';
import { showInProcess } from '../model/union_performer.ts';
import { walk } from '../model/walk.ts';
import { showMount } from '../model/world.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const HOW = { steps: LONG ? 2000 : 350, patience: LONG ? 300_000 : 20_000 };
const COUNT = LONG ? 25 : 1;

/** Other seeds than those of the walks on the file system that the temporary directory lies on, and of the other kinds. */
function seeds(first: number): number[] {
  const given = process.env['SEED'];
  return given !== undefined ? [Number(given)] : Array.from({ length: COUNT }, (_, i) => first + i);
}

function walks(kind: FileSystemKind, first: number): void {
  const missing = [...missingFor(kind), ...(has('python3') ? [] : ['python3'])];
  for (const [show, where] of [[showMount, 'mount'] as const, [showInProcess, 'in process'] as const]) {
    const needs = [...missing, ...(show === showMount && !canMount ? ['/dev/fuse'] : [])];
    const note = needs.length === 0 ? '' : ` (needs ${needs.join(', ')})`;
    for (const seed of seeds(first)) {
      const title = `${kind.title}: ${where}: a random walk agrees with a plain directory, SEED=${seed}${note}`;
      (needs.length === 0 ? test.serial : test.skip)(title, async (t) =>
        walk(t, join(await newFileSystem(t, kind), 'world'), { ...HOW, seed, show }),
      );
    }
  }
}

const { ext4, xfs, btrfs, tmpfs } = kinds;
for (const [i, kind] of [ext4, xfs, btrfs, tmpfs].entries()) walks(kind, 1000 * (i + 1));
