// SPDX-License-Identifier: MIT
import { chmodSync, closeSync, openSync, statfsSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, timed } from '../case.ts';
import type { Running } from '../contender.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The first write to each of `count` files of `size` bytes: open, write one byte, close. */
function firstWrite(title: string, count: number, size: number, durable: boolean): Case {
  const names = Array.from({ length: count }, (_, i) => `f${i}`);
  const others = durable ? [' volatile'] : ['plain', 'overlayfs', 'node-aufs mount', 'node-aufs Union'];
  return {
    title: `${title}, ${durable ? 'on disk before it has its name' : 'volatile'}`,
    baseline: durable ? 'overlayfs' : 'overlayfs volatile',
    without: durable
      ? ['overlayfs volatile', 'node-aufs mount volatile', 'node-aufs Union volatile', 'plain directory']
      : others,
    depth: 1,
    prepare(lowers) {
      const data = Buffer.alloc(Math.min(size, 16 * MIB), 'x');
      for (const name of names) {
        const file = openSync(join(lowers[0] as string, name), 'w');
        for (let at = 0; at < size; at += data.length)
          writeSync(file, data, 0, Math.min(data.length, size - at));
        closeSync(file);
      }
    },
    measure: (running) => timed(count, count * size, () => write(running, names)),
  };
}

async function write({ path, union }: Running, names: readonly string[]): Promise<void> {
  if (union) {
    await union.copyUp(names);
    return;
  }
  for (const name of names) {
    const file = openSync(join(path, name), 'r+');
    writeSync(file, 'y', 0);
    closeSync(file);
  }
}

/** A big file with little data in it: holes must cost nothing. */
const sparse: Case = {
  title: 'first write to a 1 GiB file with 1 MiB of data',
  baseline: 'overlayfs',
  without: ['plain directory'],
  depth: 1,
  prepare(lowers) {
    const path = join(lowers[0] as string, 'f0');
    writeFileSync(path, Buffer.alloc(MIB, 'x'));
    truncateSync(path, 1024 * MIB);
  },
  measure: (running) => timed(1, MIB, () => write(running, ['f0'])),
};

const chmod: Case = {
  title: 'chmod of a 64 MiB file',
  baseline: 'overlayfs',
  without: ['plain directory'],
  depth: 1,
  prepare: (lowers) => writeFileSync(join(lowers[0] as string, 'f0'), Buffer.alloc(64 * MIB, 'x')),
  measure: ({ path, union }) =>
    timed(1, 64 * MIB, () => (union ? union.chmod('f0', 0o600) : chmodSync(join(path, 'f0'), 0o600))),
};

/** The cases, smaller with `quick`, and with a smaller big file where there is no room for 1 GiB thrice. */
export function copyUpCases(quick: boolean, place: string): Case[] {
  const { bavail, bsize } = statfsSync(place);
  const count = quick ? 50 : 1000;
  const big = quick ? 8 : bavail * bsize > 4096 * MIB ? 1024 : 256;
  return [
    firstWrite(`first write to ${count} files of 4 KiB`, count, 4 * KIB, true),
    firstWrite(`first write to ${count} files of 4 KiB`, count, 4 * KIB, false),
    firstWrite(`first write to ${count} files of 64 KiB`, count, 64 * KIB, true),
    firstWrite(`first write to ${count} files of 64 KiB`, count, 64 * KIB, false),
    firstWrite(`first write to one file of ${big} MiB`, 1, big * MIB, true),
    firstWrite(`first write to one file of ${big} MiB`, 1, big * MIB, false),
    ...(quick ? [] : [sparse, chmod]),
  ];
}
