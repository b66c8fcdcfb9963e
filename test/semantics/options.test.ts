// SPDX-License-Identifier: MIT
// What is seen and stored does not depend on how the kernel and the server share the work: the other tables of this folder once more,
// with options that change nothing else. `AUFS_TEST_LONG=1`; a minute each.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { serverPath } from '../../lib/server_path.ts';
import { canSwitch, FUSE_URING, switchTo } from '../helpers/kernel_switch.ts';
import { canMount, isRoot, run, Stage } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const AVA = fileURLToPath(new URL('../../node_modules/ava/entrypoints/cli.mjs', import.meta.url));
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const WRAPPER = fileURLToPath(new URL('../helpers/server_with_options.sh', import.meta.url));

const long = process.env['AUFS_TEST_LONG'] !== undefined;
const patient = canMount && long ? test.serial : test.skip;
const why = canMount ? (long ? '' : ' (a minute, needs AUFS_TEST_LONG)') : ' (needs /dev/fuse)';

/** The environment in which every mount has these options too. */
function withOptions(options: string): NodeJS.ProcessEnv {
  const own = { AUFS_TEST_SERVER: serverPath(), NODE_AUFS_SERVER: WRAPPER, AUFS_TEST_OPTIONS: options };
  return { ...process.env, ...own };
}

/** Runs the other files of this folder. */
async function runTables(env: NodeJS.ProcessEnv): Promise<void> {
  const files = readdirSync(FOLDER).filter((name) => name !== 'options.test.ts');
  const args = [AVA, ...files.map((name) => `test/semantics/${name}`)];
  await run(process.execPath, args, { cwd: fileURLToPath(new URL('../..', import.meta.url)), env });
}

for (const options of [
  'nopassthrough',
  'nodata_at_open,nonear_caller,nolist_ahead,noopen_ahead,nobtime,nopark_threads',
  'timeout=0',
  'attr_timeout=0,nopassthrough',
  'threads=1,volatile',
  'background_copy_up=4096',
  'uring',
]) {
  const possible = options !== 'uring' || (isRoot && canSwitch(FUSE_URING));
  const note = possible ? why : ' (needs root and Linux 6.14 with FUSE over io_uring)';
  (possible ? patient : test.skip)(`all tables with -o ${options}${note}`, async (t) => {
    t.timeout(600_000);
    if (options === 'uring') t.teardown(switchTo(FUSE_URING, 'Y'));
    const { AUFS_TEST_LONG: _, ...env } = withOptions(options);
    await t.notThrowsAsync(runTables(env));
  });
}

patient(`all tables with a chain index for each mount${why}`, async (t) => {
  t.timeout(600_000);
  const { AUFS_TEST_LONG: _, ...env } = withOptions('dirren');
  const indexes = await temporaryDirectory(t);
  await t.notThrowsAsync(runTables({ ...env, AUFS_TEST_INDEXES: indexes }));
  t.true(readdirSync(indexes).length > 20, 'there were some');
});

(canMount ? test.serial : test.skip)(`the options reach the server${canMount ? '' : why}`, async (t) => {
  const stage = await Stage.create(t, {}, {});
  const before = process.env;
  try {
    process.env = withOptions('nopassthrough');
    const mounted = await stage.mount();
    t.false(mounted.passthrough);
    t.is((await mounted.stats()).passthroughReason, 'switched off by an option');
  } finally {
    process.env = before;
    await stage.unmount();
  }
});
