// SPDX-License-Identifier: MIT
// A deep stack of directories that nobody has in memory is read by several threads, and shows what one after the other would.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { mount } from '../../lib/index.ts';
import { straceMissing, traced } from '../faults/strace.ts';
import { Disk } from '../helpers/disk.ts';
import { kinds, missingFor } from '../helpers/file_system.ts';
import { type Pick, seeded } from '../helpers/random.ts';
import { canMount } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const DEPTH = 150;
const DIRECTORIES = ['plain', 'opaque', 'few'] as const;
const NAMES = Array.from({ length: 60 }, (_, i) => `n${i}`);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** What one branch has in a directory. */
interface Layer {
  readonly names: readonly string[];
  readonly whiteouts: readonly string[];
  readonly opaque: boolean;
}

function makeLayer(pick: Pick, directory: string, depth: number): Layer | undefined {
  if (directory === 'few' && depth % 20 !== 0) return undefined;
  const some = (count: number) => [
    ...new Set(Array.from({ length: count }, () => NAMES[pick(NAMES.length)] as string)),
  ];
  const names = some(pick(4));
  const whiteouts = some(pick(3)).filter((name) => !names.includes(name));
  return { names, whiteouts, opaque: directory === 'opaque' && depth === DEPTH - 20 };
}

function writeLayer(path: string, layer: Layer): void {
  mkdirSync(path, { recursive: true });
  for (const name of layer.names) writeFileSync(join(path, name), '');
  for (const name of layer.whiteouts) writeFileSync(join(path, `.wh.${name}`), '');
  if (layer.opaque) writeFileSync(join(path, '.wh..wh..opq'), '');
}

function expected(layers: readonly (Layer | undefined)[]): string[] {
  const decided = new Map<string, boolean>();
  const decide = (name: string, visible: boolean) => decided.has(name) || decided.set(name, visible);
  for (const layer of layers) {
    layer?.names.forEach((name) => void decide(name, true));
    layer?.whiteouts.forEach((name) => void decide(name, false));
    if (layer?.opaque) break;
  }
  return [...decided].filter(([, visible]) => visible).map(([name]) => name);
}

/** Which threads read directories, by strace's log. */
function readers(log: string): Set<string> {
  return new Set(
    Array.from(readFileSync(log, 'utf8').matchAll(/^(\d+) +getdents64/gm), ([, tid]) => String(tid)),
  );
}

const missing = [
  ...missingFor(kinds.ext4),
  ...(canMount ? [] : ['/dev/fuse']),
  ...[straceMissing() ?? []].flat(),
];
const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;

(missing.length === 0 ? test : test.skip)(`deep, and not in memory${note}`, async (t) => {
  t.timeout(120_000);
  t.log(`SEED=${SEED}`);
  const pick = seeded(SEED);
  const base = await temporaryDirectory(t);
  const disk = new Disk(base, kinds.ext4);
  await disk.make();
  const branches = Array.from({ length: DEPTH }, (_, i) => join(disk.root, String(i)));
  const listings = new Map<string, string[]>();
  for (const directory of DIRECTORIES) {
    const layers = branches.map((_, depth) => makeLayer(pick, directory, depth));
    for (const [i, layer] of layers.entries()) {
      if (layer !== undefined) writeLayer(join(branches[i] as string, directory), layer);
    }
    listings.set(directory, expected(layers).sort());
  }
  await disk.unmount();
  await disk.copy('cold');
  const target = join(base, 'mnt');
  await mkdir(target);
  const list = async (log: string) => {
    const mounted = await mount(target, {
      branches,
      readOnly: true,
    });
    try {
      const { pid } = await mounted.stats();
      await traced(pid, ['-o', log, '-e', 'trace=getdents64'], async () => {
        for (const [directory, names] of listings) {
          t.deepEqual(readdirSync(join(target, directory)).sort(), names, directory);
        }
      });
    } finally {
      await mounted.unmount();
    }
    return readers(log);
  };
  await disk.mountCopy('cold');
  try {
    const cold = await list(join(base, 'cold.log'));
    const warm = await list(join(base, 'warm.log'));
    t.true(cold.size > 5, `${cold.size} threads`);
    t.true(warm.size <= 5, `${warm.size} threads`);
  } finally {
    await disk.unmount();
  }
});
