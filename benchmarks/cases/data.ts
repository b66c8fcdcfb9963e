// SPDX-License-Identifier: MIT
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeBigFile } from '../files.ts';
import type { Case, Group, Settings, Suite, View } from '../suite.ts';
import { mounted, rootOf, singleBranch } from './common.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const BLOCK = 4 * KiB;
const LOWER = 'big';
const UPPER = 'written';

const againstPlain: Group = { ...mounted, baseline: 'plain directory' };

function cases({ quick }: Settings): Case[] {
  const size = (quick ? 8 : 256) * MiB;
  const blocks = quick ? 500 : 20_000;
  const few = quick ? 100 : 2000;
  const base = {
    fixture: singleBranch('data', (branch) => writeBigFile(join(branch, LOWER), size)),
    bytes: size,
    operations: 1,
    fresh: false,
    cold: false,
  };
  const write = (view: View) => writeBigFile(join(rootOf(view), UPPER), size);
  const of = `${size / MiB} MiB`;
  return [LOWER, UPPER].flatMap((name): Case[] => {
    const lower = name === LOWER;
    const where = lower ? 'a lower file' : 'a file of the writable branch';
    const path = (view: View) => join(rootOf(view), name);
    const prepare = lower ? {} : { warm: write };
    const read = { ...base, ...prepare, groups: [lower ? mounted : againstPlain] };
    const warmed = (view: View) => {
      if (!lower) write(view);
      readWhole(path(view), size);
    };
    const id = lower ? 'lower' : 'upper';
    return [
      ...[true, false].map(
        (cold): Case => ({
          ...read,
          id: `read-${id}-${cold ? 'cold' : 'again'}`,
          title: `sequential read of ${where}, ${of}, ${cold ? 'cold' : 'again'}`,
          cold,
          ...(cold ? {} : { warm: warmed }),
          run: (view) => readWhole(path(view), size),
        }),
      ),
      ...[true, false].map((cold): Case => {
        const count = cold ? few : blocks;
        return {
          ...read,
          id: `random-read-${id}-${cold ? 'cold' : 'again'}`,
          title: `random reads of 4 KiB of ${where}, ${cold ? 'cold' : 'again'}`,
          cold,
          ...(cold ? {} : { warm: warmed }),
          operations: count,
          bytes: count * BLOCK,
          run: (view) => atRandom(path(view), size, count, 'r'),
        };
      }),
      ...(lower
        ? []
        : [
            {
              ...read,
              id: 'write',
              title: `sequential write of ${of}`,
              run: write,
            },
            {
              ...read,
              id: 'random-write',
              title: `random writes of 4 KiB to ${where}`,
              operations: blocks,
              bytes: blocks * BLOCK,
              run: (view: View) => atRandom(path(view), size, blocks, 'r+'),
            },
          ]),
    ];
  });
}

function readWhole(path: string, expected: number): void {
  const buffer = Buffer.alloc(MiB);
  const fd = openSync(path, 'r');
  let total = 0;
  for (let got = -1; got !== 0; total += got) got = readSync(fd, buffer, 0, MiB, null);
  closeSync(fd);
  if (total !== expected) throw new Error(`read ${total} bytes of ${expected}`);
}

/** The same places at each call. */
function atRandom(path: string, size: number, count: number, flags: 'r' | 'r+'): void {
  const buffer = Buffer.alloc(BLOCK, 'r');
  const fd = openSync(path, flags);
  let state = 12345;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const at = (state % (size / BLOCK)) * BLOCK;
    if (flags === 'r') readSync(fd, buffer, 0, BLOCK, at);
    else writeSync(fd, buffer, 0, BLOCK, at);
  }
  closeSync(fd);
}

export const data: Suite = {
  name: 'data',
  weight: 3,
  backings: ['ext4', 'xfs'],
  notes: [
    'Through node:fs, 1 MiB a call where it is sequential; what was written is in the page cache when the call returns, for everybody. ' +
      'A writable file is made through the union before the first round. Cold: caches dropped before each round, the mount stays.',
    'Files of the writable branch are compared with a plain directory, lower ones with kernel overlayfs.',
  ],
  cases,
};
