// SPDX-License-Identifier: MIT
// How often the kernel and the server call: what docs/performance.md, "Round trips", says in numbers.
import { existsSync, readFileSync } from 'node:fs';
import { open, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverPath } from '../../lib/server_path.ts';
import { type SystemCall, straceMissing, systemCalls } from '../faults/strace.ts';
import { mounted, python } from '../helpers/mounted.ts';
import { serverOf } from '../helpers/server.ts';
import type { Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';

const COUNT = 40;
const NAMES = Array.from({ length: COUNT }, (_, i) => `f${i}`);
const MANY: Tree = Object.fromEntries(NAMES.map((name) => [name, name.repeat(1000)]));

const noStrace = straceMissing();

/** Calls of read(2) and its kin by the server while `body` runs: one for each request, and those on files of the branches. */
async function reads(stage: Stage, body: () => Promise<void>): Promise<number> {
  const path = `/proc/${serverOf(stage).worker}/io`;
  const count = () => Number(/^syscr: (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1]);
  const before = count();
  await body();
  return count() - before;
}

/**
 * System calls that ask for attributes, for each file. Limits on them leave room for what other tests make the kernel forget meanwhile, who
 * drop its caches.
 */
function questions(calls: readonly SystemCall[]): number {
  return calls.filter(({ name }) => /stat/.test(name)).length / COUNT;
}

if (existsSync('/proc/self/io')) {
  mounted(
    'the time of birth is asked for apart from the rest, unless there is none',
    MANY,
    { root: true },
    async (t, stage) => {
      const look = async (birthTimes: boolean) => {
        await stage.remount({ uring: false, nearCaller: false, birthTimes });
        const born: number[] = [];
        const made = await reads(stage, async () => {
          for (const name of NAMES) born.push((await stat(stage.at(name))).birthtimeMs);
        });
        return { born, asked: made / COUNT };
      };
      const without = await look(false);
      t.deepEqual([...new Set(without.born)], [0]);
      t.true(without.asked < 1.5, `${without.asked} a file`);
      const { born, asked } = await look(true);
      t.true(asked < 2.5, `${asked} a file`);
      if (born[0] === 0) return; // before Linux 6.6
      for (const [i, name] of NAMES.entries()) {
        t.is(born[i], (await stat(join(stage.lowers[0] as string, name))).birthtimeMs);
      }
      t.true(asked > without.asked);
    },
  );

  mounted(
    'a small lower file is read with OPEN and RELEASE alone, and its attributes stay known',
    MANY,
    { root: true },
    async (t, stage) => {
      const tries: number[] = [];
      // Again where another test has dropped the caches meanwhile.
      while (tries.length < 3 && !tries.some((calls) => calls < 3.5)) {
        await stage.remount({ uring: false, nearCaller: false }); // whose thread reads, too
        for (const name of NAMES) await stat(stage.at(name));
        const made = await reads(stage, async () => {
          for (const name of NAMES) {
            await using file = await open(stage.at(name));
            t.is(await file.readFile('utf8'), name.repeat(1000));
            t.is((await file.stat()).size, name.length * 1000);
          }
        });
        tries.push(made / COUNT);
      }
      // The two, and one to read the file. It was READ and GETATTR besides.
      t.true(Math.min(...tries) < 3.5, `${tries} a file`);
    },
  );
}

mounted(
  'a lower file whose data the kernel was given is seen as it is written, cut and replaced',
  { f: 'old old old', cut: 'x'.repeat(9000), grown: 'short', again: 'first' },
  {},
  async (t, stage) => {
    await stage.mount();
    const read = (name: string) => readFile(stage.at(name), 'utf8');
    t.is(await read('f'), 'old old old');
    await writeFile(stage.at('f'), 'NEW', { flag: 'r+' });
    t.is(await read('f'), 'NEW old old');
    t.is((await read('cut')).length, 9000);
    await python(stage, "import os; os.truncate('cut', 5000); os.truncate('grown', 8)");
    t.is(await read('cut'), 'x'.repeat(5000));
    t.is(await read('grown'), 'short\0\0\0');
    await writeFile(stage.at('again'), 'second one');
    t.is(await read('again'), 'second one');
    t.is(await readFile(join(stage.lowers[0] as string, 'again'), 'utf8'), 'first');
  },
);

const WRAPPER = fileURLToPath(new URL('../helpers/server_with_options.sh', import.meta.url));

/** Mounts with options that `mount()` does not know. */
async function mountWith(stage: Stage, options: string): Promise<void> {
  const before = process.env;
  try {
    const own = { AUFS_TEST_SERVER: serverPath(), NODE_AUFS_SERVER: WRAPPER, AUFS_TEST_OPTIONS: options };
    process.env = { ...before, ...own };
    await stage.mount({ volatile: true });
  } finally {
    process.env = before;
  }
}

// Each file is opened for the first time by readers while somebody else writes to it or cuts it. Without passthrough, which would not look at
// pages that the kernel got too late.
mounted(
  'who reads a lower file for the first time while it is written sees no old data afterwards',
  {},
  { programs: ['python3'] },
  async (t, stage) => {
    const lower = stage.lowers[0] as string;
    const count = 300;
    for (let i = 0; i < count; i++) await writeFile(join(lower, `r${i}`), 'o'.repeat(20_000));
    await mountWith(stage, 'nopassthrough');
    const wrong = await python(
      stage,
      `
import os, threading
def change(i):
    name = 'r%d' % i
    if i % 3 == 0: os.truncate(name, 7000)
    elif i % 3 == 1:
        fd = os.open(name, os.O_WRONLY | os.O_TRUNC); os.write(fd, b'n' * 9000); os.close(fd)
    else:
        fd = os.open(name, os.O_RDWR); os.pwrite(fd, b'n' * 8192, 4096); os.close(fd)
def look(i):
    fd = os.open('r%d' % i, os.O_RDONLY); os.read(fd, 65536); os.close(fd)
wanted = [b'o' * 7000, b'n' * 9000, b'o' * 4096 + b'n' * 8192 + b'o' * 7712]
start = threading.Barrier(3)
def run(work):
    for i in range(${count}):
        start.wait()
        work(i)
threads = [threading.Thread(target=run, args=(w,)) for w in (change, look, look)]
for thread in threads: thread.start()
for thread in threads: thread.join()
def content(i):
    with open('r%d' % i, 'rb') as file: return file.read()
print([i for i in range(${count}) if content(i) != wanted[i % 3]])
`,
    );
    t.is(wrong.trim(), '[]');
  },
);

if (noStrace === undefined) {
  const asked = async (stage: Stage, body: () => Promise<void>) =>
    questions(await systemCalls(serverOf(stage).worker, join(stage.root, 'log'), body));

  mounted('a listing tells nothing that the kernel knows already', MANY, { root: true }, async (t, stage) => {
    await stage.mount();
    for (const name of NAMES) await stat(stage.at(name));
    const made = await asked(stage, async () => {
      t.deepEqual((await readdir(stage.target)).sort(), [...NAMES].sort());
    });
    t.true(made < 0.5, `${made} a file`);
    for (const name of NAMES) t.is((await stat(stage.at(name))).size, name.length * 1000);
  });

  mounted(
    'on a read-only mount the kernel is given small files, and is lent large ones',
    { ...MANY, large: 'x'.repeat(100_000) },
    { root: true },
    async (t, stage) => {
      const { passthrough } = await (await stage.mount({ readOnly: true })).stats();
      const lent = async (names: readonly string[]) => {
        const calls = await systemCalls(serverOf(stage).worker, join(stage.root, 'log'), async () => {
          for (const name of names) {
            t.is(
              await readFile(stage.at(name), 'utf8'),
              await readFile(join(stage.lowers[0] as string, name), 'utf8'),
            );
          }
        });
        return calls.filter(({ name }) => name === 'ioctl').length;
      };
      t.is(await lent(NAMES), 0);
      t.is((await lent(['large'])) > 0, passthrough);
    },
  );

  mounted('little is asked about a file to delete it', MANY, { root: true }, async (t, stage) => {
    await stage.mount();
    for (const name of NAMES) await stat(stage.at(name));
    const below = await asked(stage, async () => {
      for (const name of NAMES) await unlink(stage.at(name));
    });
    // The directory for the kernel, its flags, the file, the directory afterwards.
    t.true(below < 5.5, `${below} for a lower file`);
    for (const name of NAMES) await writeFile(stage.at(name), '');
    const above = await asked(stage, async () => {
      for (const name of NAMES) await unlink(stage.at(name));
    });
    t.true(above < 5.5, `${above} for a file in the writable branch that covers a whiteout`);
  });

  mounted('little is asked about a file to rename it', MANY, { root: true }, async (t, stage) => {
    await stage.mount();
    for (const name of NAMES) await stat(stage.at(name));
    for (const name of NAMES) await writeFile(stage.at(`${name}.new`), name);
    const renamed = await asked(stage, async () => {
      for (const name of NAMES) await rename(stage.at(`${name}.new`), stage.at(`${name}.tmp`));
    });
    // The directory for the kernel, its flags, the directory afterwards.
    t.true(renamed < 5, `${renamed} to another name`);
    const replaced = await asked(stage, async () => {
      for (const name of NAMES) await rename(stage.at(`${name}.tmp`), stage.at(name));
    });
    // The lower file besides: the kernel looks it up anew, its flags, its links.
    t.true(replaced < 8, `${replaced} over a lower file`);
    for (const name of NAMES) t.is(await readFile(stage.at(name), 'utf8'), name);
  });
}
