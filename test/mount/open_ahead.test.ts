// SPDX-License-Identifier: MIT
// Files that are opened one after the other, directory by directory, and changed just before, after the server has opened them and given the kernel
// their data: who reads sees what a plain directory with the same changes has. While another process reads everything, too.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { mount } from '../../lib/index.ts';
import { oneOf, type Pick, seeded } from '../helpers/random.ts';
import { canMount, run } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const DIRECTORIES = 30;
const FILES = 40;
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

type Change = (path: string, pick: Pick) => void;
const CHANGES: Readonly<Record<string, Change>> = {
  append: (path) => fs.appendFileSync(path, 'more'),
  'write inside': (path, pick) => {
    const fd = fs.openSync(path, 'r+');
    fs.writeSync(fd, 'inside', pick(20));
    fs.closeSync(fd);
  },
  truncate: (path, pick) => fs.truncateSync(path, pick(20)),
  replace: (path) => fs.writeFileSync(path, 'new'),
  chmod: (path) => fs.chmodSync(path, 0o600),
  unlink: (path) => fs.unlinkSync(path),
  'unlink and make': (path) => {
    fs.unlinkSync(path);
    fs.writeFileSync(path, 'made again');
  },
  'rename over': (path) => {
    fs.writeFileSync(`${path}.new`, 'renamed');
    fs.renameSync(`${path}.new`, path);
  },
  'rename away and back': (path) => {
    fs.renameSync(path, `${path}.old`);
    fs.appendFileSync(`${path}.old`, 'moved');
    fs.renameSync(`${path}.old`, path);
  },
};

const contents = (dir: string, name: string) => {
  try {
    return fs.readFileSync(join(dir, name), 'latin1');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

/** Lower files of all sizes up to what is given unasked, and some beyond. */
function fill(root: string, pick: Pick): void {
  for (let d = 0; d < DIRECTORIES; d++) {
    const dir = join(root, `d${d}`);
    fs.mkdirSync(dir, { recursive: true });
    for (let i = 0; i < FILES; i++) {
      const size = pick(10) === 0 ? pick(100_000) : pick(6_000);
      fs.writeFileSync(join(dir, `f${i}`), `${d} ${i} `.repeat(size).slice(0, size));
    }
  }
}

const walks = canMount ? test.serial : test.skip;
walks(
  `what was opened ahead is not read once it is old${canMount ? '' : ' (needs /dev/fuse)'}`,
  async (t) => {
    t.timeout(120_000);
    t.log(`SEED=${SEED}`);
    const base = await temporaryDirectory(t);
    const at = (...path: string[]) => join(base, ...path);
    for (const root of ['ro', 'plain']) fill(at(root), seeded(SEED));
    const pick = seeded(SEED + 1);
    const change = (kind: Change, paths: string[]) => {
      const seed = pick(1 << 30);
      return paths.map((path) => {
        try {
          kind(path, seeded(seed));
          return 'done';
        } catch (error) {
          return (error as NodeJS.ErrnoException).code;
        }
      });
    };
    fs.mkdirSync(at('rw'));
    fs.mkdirSync(at('mnt'));
    const mounted = await mount(at('mnt'), { branches: [at('rw'), at('ro')] });
    try {
      // Entries with attributes, which is what the server learns names of, are asked for by the first listing of a directory. The second time it has
      // nothing left to do but to open the files.
      for (let pass = 1; pass <= 2; pass++) {
        for (const dir of fs.readdirSync(at('mnt'))) {
          for (const name of fs.readdirSync(at('mnt', dir))) {
            if (pick(6) === 0) {
              const kind = oneOf(pick, Object.keys(CHANGES));
              const target = `f${pick(FILES)}`;
              const what = `pass ${pass}, ${kind}: ${dir}/${target}`;
              const outcome = change(CHANGES[kind] as Change, [
                at('mnt', dir, target),
                at('plain', dir, target),
              ]);
              t.is(outcome[0], outcome[1], what);
              t.is(contents(at('mnt', dir), target), contents(at('plain', dir), target), what);
            }
            if (pick(40) === 0) await sleep(pick(4));
            t.is(
              contents(at('mnt', dir), name),
              contents(at('plain', dir), name),
              `pass ${pass}: ${dir}/${name}`,
            );
          }
        }
      }
      await run('diff', ['-r', at('mnt'), at('plain')]);
    } finally {
      await mounted.unmount();
    }
    fill(at('before'), seeded(SEED));
    await run('diff', ['-r', at('ro'), at('before')]);
  },
);

walks(`files that are written while others walk${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  t.timeout(120_000);
  t.log(`SEED=${SEED}`);
  const base = await temporaryDirectory(t);
  const at = (...path: string[]) => join(base, ...path);
  for (const root of ['ro', 'plain']) fill(at(root), seeded(SEED));
  fs.mkdirSync(at('rw'));
  fs.mkdirSync(at('mnt'));
  const mounted = await mount(at('mnt'), { branches: [at('rw'), at('ro')] });
  try {
    const walkers = ['tar cf - . | cat', 'grep -rc x .; true', 'cp -r . "$OUT"'].map((command, i) =>
      run('sh', ['-c', `cd "$MNT" && { ${command}; } > /dev/null`], {
        env: { ...process.env, MNT: at('mnt'), OUT: at(`out${i}`) },
      }),
    );
    const pick = seeded(SEED + 2);
    for (let n = 0; n < 400; n++) {
      const path = join(`d${pick(DIRECTORIES)}`, `f${pick(FILES)}`);
      const data = `${n}`.repeat(pick(3_000));
      for (const root of ['mnt', 'plain']) {
        if (n % 2 === 0) fs.writeFileSync(at(root, path), data);
        else fs.appendFileSync(at(root, path), data);
      }
      t.is(contents(at('mnt'), path), contents(at('plain'), path), path);
      if (n % 8 === 0) await sleep(1);
    }
    await Promise.all(walkers);
    await run('diff', ['-r', at('mnt'), at('plain')]);
  } finally {
    await mounted.unmount();
  }
});
