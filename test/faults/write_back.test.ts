// SPDX-License-Identifier: MIT
// What is applied is written to disk while the rest comes; what the disk says of that is not lost.
import { readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WriteBack } from '../../lib/store/write_back.ts';
import { kinds, missingFor, mountNew } from '../helpers/file_system.ts';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';
import { run } from '../helpers/stage.ts';
import { disk } from '../store/small_disk.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { straceMissing } from './strace.ts';

const MiB = 2 ** 20;
const missing = straceMissing();
const traced = missing === undefined ? test : test.skip;
const note = missing === undefined ? '' : ` (needs ${missing})`;

/** Runs a script that has the name `directory`; gives what it printed, and how often it called syncfs(2). */
async function flushes(t: ExecutionContext, script: string, ...inject: string[]) {
  const directory = await temporaryDirectory(t);
  const log = join(directory, 'calls');
  const strace = ['-f', '-o', log, '-e', 'trace=syncfs', ...inject];
  const whole = `const directory = ${JSON.stringify(directory)};${script}`;
  const { stdout } = await run('strace', [...strace, process.execPath, ...scriptArgs(whole)]);
  const calls = (await readFile(log, 'utf8')).match(/\bsyncfs\(/g);
  return { printed: stdout.trim(), calls: calls?.length ?? 0 };
}

/** `steps`: of a WriteBack, each told how much was written, and then flushed. */
function writeBack(durability: string, steps: readonly (readonly ['wrote' | 'wroteAll', number])[]): string {
  return `
    const { WriteBack } = await import(${moduleName('store/write_back')});
    const disk = await WriteBack.begin('${durability}', directory);
    let failed = '';
    for (const [step, bytes] of ${JSON.stringify(steps)}) {
      try {
        disk[step](bytes);
        await disk.flush();
      } catch ({ code, message }) {
        failed += (code ?? message) + ' ';
      }
    }
    await disk.end();
    console.log(failed);`;
}

const STEPS = [
  { what: 'little', durability: 'layer', steps: [['wrote', 127 * MiB]], begun: 0 },
  { what: 'much', durability: 'layer', steps: [['wrote', 128 * MiB]], begun: 1 },
  {
    what: 'much again and again',
    durability: 'full',
    steps: [
      ['wrote', 130 * MiB],
      ['wrote', 257 * MiB],
      ['wrote', 258 * MiB],
      ['wrote', 500 * MiB],
    ],
    begun: 3,
  },
  { what: 'a small archive', durability: 'layer', steps: [['wroteAll', 16 * MiB - 1]], begun: 0 },
  {
    what: 'the rest',
    durability: 'layer',
    steps: [
      ['wrote', 128 * MiB],
      ['wroteAll', 144 * MiB],
    ],
    begun: 2,
  },
  { what: 'what needs not be there', durability: 'none', steps: [['wroteAll', 500 * MiB]], begun: 0 },
] as const;

for (const { what, durability, steps, begun } of STEPS) {
  traced(`of ${what} the disk is told ${begun} times before the flush (${durability})${note}`, async (t) => {
    const calls = durability === 'none' ? 0 : begun + steps.length;
    t.deepEqual(await flushes(t, writeBack(durability, steps)), { printed: '', calls });
  });
}

traced(`a failure of the disk is told by whatever follows${note}`, async (t) => {
  const script = writeBack('layer', [
    ['wrote', 128 * MiB],
    ['wrote', 129 * MiB],
    ['wroteAll', 160 * MiB],
  ]);
  const { printed } = await flushes(t, script, '-e', 'inject=syncfs:error=EIO:when=1');
  t.is(printed, 'EIO EIO EIO');
});

/** Applies an archive of one file and prints the layers that there are then, and what went wrong. */
function applying(size: number): string {
  return `
    const { execFileSync } = await import('node:child_process');
    const { truncateSync, writeFileSync } = await import('node:fs');
    const { openStore } = await import(${moduleName('store/index')});
    writeFileSync(directory + '/file', '');
    truncateSync(directory + '/file', ${size});
    const archive = execFileSync('tar', ['-C', directory, '-cf', '-', 'file'], { maxBuffer: 2 ** 30 });
    const store = await openStore(directory + '/store');
    let code = 'done';
    await store.apply([archive]).catch((error) => { code = error.code; });
    console.log(code, (await store.layers()).length);
    await store.close();`;
}

traced(`an archive is written back while it is finished, a small one once${note}`, async (t) => {
  t.deepEqual(await flushes(t, applying(1000)), { printed: 'done 1', calls: 1 });
  t.deepEqual(await flushes(t, applying(20 * MiB)), { printed: 'done 1', calls: 2 });
});

traced(`an archive that the disk could not take is no layer${note}`, async (t) => {
  const eio = ['-e', 'inject=syncfs:error=EIO:when=1'];
  t.deepEqual(await flushes(t, applying(20 * MiB), ...eio), { printed: 'EIO 0', calls: 1 });
});

/** Its disk has no room for what there is room for on the file system. */
const kind = {
  ...kinds.ext4,
  title: 'ext4 on a disk that fails',
  mkfs: ['mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-E', 'nodiscard', '-m', '0'],
  options: ['noinit_itable'],
};
const [major = 0, minor = 0] = release().split('.').map(Number);
const isTold = major > 5 || (major === 5 && minor >= 8);
const failing = isTold && missingFor(kind).length === 0 ? test : test.skip;

failing(
  `${kind.title}: what somebody else's flush was told of is not lost (needs Linux 5.8, root)`,
  async (t) => {
    const root = join(await disk(t, 12), 'fs');
    await mountNew(kind, root);
    t.teardown(() => run('umount', [root]));
    const written = await WriteBack.begin('layer', root);
    t.teardown(() => written.end());
    await writeFile(join(root, 'large'), Buffer.alloc(40 * MiB, 'x'));
    await t.throwsAsync(run('sync', ['-f', root]), undefined, 'the disk fails');
    const error = await t.throwsAsync(written.flush());
    t.regex(String((error as NodeJS.ErrnoException).code), /^(EIO|ENOSPC)$/);
    t.is((error as NodeJS.ErrnoException).path, root);
  },
);
