// SPDX-License-Identifier: MIT
// What is applied is written to disk while the rest comes; what the disk says of that is not lost.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';
import { run } from '../helpers/stage.ts';
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

/** `steps`: of a WriteBack, each told how much was written. */
function writeBack(durability: string, steps: readonly (readonly ['wrote' | 'wroteAll', number])[]): string {
  return `
    const { WriteBack } = await import(${moduleName('store/write_back')});
    const back = new WriteBack('${durability}', directory);
    let failed = '';
    for (const [step, bytes] of ${JSON.stringify(steps)}) {
      back[step](bytes);
      await back.settle().catch(({ code }) => { failed += code + ' '; });
    }
    console.log(failed);`;
}

const STEPS = [
  { what: 'little', durability: 'layer', steps: [['wrote', 127 * MiB]], calls: 0 },
  { what: 'much', durability: 'layer', steps: [['wrote', 128 * MiB]], calls: 1 },
  {
    what: 'much again and again',
    durability: 'full',
    steps: [
      ['wrote', 130 * MiB],
      ['wrote', 257 * MiB],
      ['wrote', 258 * MiB],
      ['wrote', 500 * MiB],
    ],
    calls: 3,
  },
  { what: 'a small archive', durability: 'layer', steps: [['wroteAll', 16 * MiB - 1]], calls: 0 },
  {
    what: 'the rest',
    durability: 'layer',
    steps: [
      ['wrote', 128 * MiB],
      ['wroteAll', 144 * MiB],
    ],
    calls: 2,
  },
  { what: 'what needs not be there', durability: 'none', steps: [['wroteAll', 500 * MiB]], calls: 0 },
] as const;

for (const { what, durability, steps, calls } of STEPS) {
  traced(`the disk is told of ${what} (${durability}): ${calls} times${note}`, async (t) => {
    t.deepEqual(await flushes(t, writeBack(durability, steps)), { printed: '', calls });
  });
}

traced(`a failure of the disk is told whenever it is asked for${note}`, async (t) => {
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
