// SPDX-License-Identifier: MIT
// Branches on file systems that lack things: what a plain directory there can do, a union can do.
import test from 'ava';
import { type FileSystemKind, kinds, missingFor } from '../helpers/file_system.ts';
import { canMount, has } from '../helpers/stage.ts';
import type { Cell } from './cells.ts';
import { type Comparison, compareCalls } from './compare_calls.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
/** The flags of renameat2(2) are left out: the union has them also where its branch has not. */
const some = ({ call }: Cell, i: number): boolean => call.op !== 'rename2' && (LONG || i % 4 === 0);
/** These file systems move times in fewer cases, and not to the nanosecond. */
const withoutTimes = (text: string): string => text.replaceAll(/"mtime":"\w+",/g, '');
const tmpfs = kinds.tmpfs;

function lacking(kind: FileSystemKind, where: string, comparison: Comparison): void {
  const missing = [
    ...missingFor(kind),
    ...(canMount ? [] : ['/dev/fuse']),
    ...(has('python3') ? [] : ['python3']),
  ];
  const title = `${kind.title} ${where}: what calls do on each kind of thing`;
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(`${title}${note}`, (t) => compareCalls(t, comparison));
}

for (const kind of [kinds.ext4NoTypes, kinds.ramfs]) {
  lacking(kind, 'everywhere', {
    upper: kind,
    place: 'in both branches',
    choose: some,
    part: kind === kinds.ramfs ? withoutTimes : (text) => text,
  });
}

for (const kind of [kinds.vfat, kinds.exfat]) {
  const how = { place: 'in the lower branch', choose: some, part: withoutTimes } as const;
  lacking(kind, 'below tmpfs', { ...how, upper: tmpfs, lower: kind, from: 'ro' });
  lacking(kind, 'above tmpfs', { ...how, upper: kind, lower: tmpfs });
  lacking(kind, 'everywhere', { ...how, upper: kind });
}
