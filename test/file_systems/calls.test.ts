// SPDX-License-Identifier: MIT
// Every call on every kind of thing, in a union and in a plain directory of the same file system: the same answers, and the
// same attributes of everything afterwards, also when it is mounted again.
import test from 'ava';
import { type FileSystemKind, kinds, missingFor } from '../helpers/file_system.ts';
import { canMount, has } from '../helpers/stage.ts';
import { compareCalls, PLACES, type PlaceName } from './compare_calls.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;

function calls(kind: FileSystemKind, places: readonly PlaceName[]): void {
  const missing = [
    ...missingFor(kind),
    ...(canMount ? [] : ['/dev/fuse']),
    ...(has('python3') ? [] : ['python3']),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  for (const place of LONG ? (Object.keys(PLACES) as PlaceName[]) : places) {
    (missing.length === 0 ? test.serial : test.skip)(
      `${kind.title}: each call on each kind of thing, ${place}${note}`,
      (t) => compareCalls(t, { upper: kind, place }),
    );
  }
}

calls(kinds.ext4, ['in both branches']);
calls(kinds.xfs, ['in the lower branch']);
calls(kinds.btrfs, ['in both branches']);
calls(kinds.tmpfs, ['in the lower branch']);
