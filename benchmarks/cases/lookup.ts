// SPDX-License-Identifier: MIT
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, timed } from '../case.ts';
import type { Running } from '../contender.ts';

const DIRECTORIES = 10;

/** Paths in ten directories; they lie in the lowest branch, and every branch has the directories. */
function paths(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, i) => `d${i % DIRECTORIES}/${prefix}${i}`);
}

function prepare(lowers: readonly string[], files: readonly string[]): void {
  for (const [i, lower] of lowers.entries()) {
    for (let d = 0; d < DIRECTORIES; d++) {
      mkdirSync(join(lower, `d${d}`));
      writeFileSync(join(lower, `d${d}`, `only-in-${i}`), '');
    }
  }
  for (const path of files) writeFileSync(join(lowers.at(-1) as string, path), '');
}

async function lookUp({ path, union }: Running, names: readonly string[]): Promise<void> {
  if (union) {
    await Promise.all(names.map((name) => union.lstat(name).catch(() => {})));
    return;
  }
  for (const name of names) statSync(join(path, name), { throwIfNoEntry: false });
}

function lookup(depth: number, what: 'present' | 'absent', warm: boolean, count: number): Case {
  const files = paths(count, 'f');
  const names = what === 'present' ? files : paths(count, 'absent');
  return {
    title: `stat of ${count} ${what} names, ${depth} ${depth === 1 ? 'branch' : 'branches'}, ${warm ? 'second time' : 'first time'}`,
    baseline: 'overlayfs',
    without: ['overlayfs volatile', 'node-aufs mount volatile', 'node-aufs Union volatile'],
    depth,
    prepare: (lowers) => prepare(lowers, files),
    async measure(running) {
      if (warm) await lookUp(running, names);
      return timed(names.length, 0, () => lookUp(running, names));
    },
  };
}

export function lookupCases(quick: boolean): Case[] {
  const depths = quick ? [1, 8] : [1, 8, 32, 128];
  const count = quick ? 200 : 2000;
  return depths.flatMap((depth) =>
    (['present', 'absent'] as const).flatMap((what) => [
      lookup(depth, what, false, count),
      lookup(depth, what, true, count),
    ]),
  );
}
