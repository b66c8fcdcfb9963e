// SPDX-License-Identifier: MIT
// Directories that are listed one after the other, and changed just before, after the server has looked them up for the next listing: a
// listing with attributes tells what a plain directory with the same changes has.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { mount } from '../../lib/index.ts';
import { oneOf, type Pick, seeded } from '../helpers/random.ts';
import { canMount, run } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const DIRECTORIES = 40;
const FILES = 12;
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const file = (i: number) => `f${i}`;

type Change = (dir: string, pick: Pick) => void;
const CHANGES: Readonly<Record<string, Change>> = {
  nothing: () => {},
  chmod: (dir, pick) => fs.chmodSync(join(dir, file(pick(FILES))), 0o600),
  append: (dir, pick) => fs.appendFileSync(join(dir, file(pick(FILES))), 'more'),
  truncate: (dir, pick) => fs.truncateSync(join(dir, file(pick(FILES))), 1),
  link: (dir, pick) => fs.linkSync(join(dir, file(pick(FILES))), join(dir, 'linked')),
  unlink: (dir, pick) => fs.unlinkSync(join(dir, file(pick(FILES)))),
  'rename over': (dir, pick) => fs.renameSync(join(dir, file(pick(FILES - 1))), join(dir, file(FILES - 1))),
  'rename away': (dir, pick) => fs.renameSync(join(dir, file(pick(FILES))), join(dir, 'renamed')),
  'replace by a directory': (dir, pick) => {
    const path = join(dir, file(pick(FILES)));
    fs.unlinkSync(path);
    fs.mkdirSync(path);
  },
  'write and take back': (dir, pick) => {
    const path = join(dir, file(pick(FILES)));
    fs.appendFileSync(path, 'x');
    fs.unlinkSync(path);
    fs.writeFileSync(path, 'new');
  },
};

/** What a listing with attributes tells, as far as the two can agree. Node itself would ask for each file's time of birth, and get all else anew. */
async function listing(dir: string): Promise<string[]> {
  const { stdout } = await run('find', [
    dir,
    '-mindepth',
    '1',
    '-type',
    'd',
    '-printf',
    '%P %m\\n',
    '-o',
    '-printf',
    '%P %m %s %n\\n',
  ]);
  return stdout.trim().split('\n').sort();
}

for (const options of [{}, { 'hard links': true }] as const) {
  const linked = 'hard links' in options;
  (canMount ? test.serial : test.skip)(
    `what was looked up ahead is not told once it is old${linked ? ', hard links' : ''}${canMount ? '' : ' (needs /dev/fuse)'}`,
    async (t) => {
      t.timeout(120_000);
      t.log(`SEED=${SEED}`);
      const pick = seeded(SEED);
      const base = await temporaryDirectory(t);
      const at = (...path: string[]) => join(base, ...path);
      for (const root of ['ro', 'plain']) {
        for (let d = 0; d < DIRECTORIES; d++) {
          fs.mkdirSync(at(root, `d${d}`), { recursive: true });
          for (let i = 0; i < FILES; i++) fs.writeFileSync(at(root, `d${d}`, file(i)), 'x'.repeat(10 + i));
          if (linked) fs.linkSync(at(root, `d${d}`, file(0)), at(root, `d${d}`, 'other'));
        }
      }
      fs.mkdirSync(at('rw'));
      fs.mkdirSync(at('mnt'));
      const mounted = await mount(at('mnt'), { branches: [at('rw'), at('ro')] });
      try {
        const order = fs.readdirSync(at('mnt'));
        for (const [i, name] of order.entries()) {
          // Of this one and of the next, which may be being looked up right now.
          for (const changed of [name, order[i + 1] ?? name]) {
            const kind = oneOf(pick, Object.keys(CHANGES));
            const seed = pick(1 << 30);
            const outcome = ['mnt', 'plain'].map((root) => {
              try {
                (CHANGES[kind] as Change)(at(root, changed), seeded(seed));
                return 'done';
              } catch (error) {
                return (error as NodeJS.ErrnoException).code;
              }
            });
            t.is(outcome[0], outcome[1], `${kind} in ${changed}`);
          }
          if (pick(3) === 0) await sleep(pick(8));
          t.deepEqual(await listing(at('mnt', name)), await listing(at('plain', name)), name);
        }
        for (const name of order)
          t.deepEqual(await listing(at('mnt', name)), await listing(at('plain', name)), name);
      } finally {
        await mounted.unmount();
      }
    },
  );
}
