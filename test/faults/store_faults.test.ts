// SPDX-License-Identifier: MIT
// Each system call of each operation of a store fails in turn. The caller is told with a code, or the operation is done whole;
// the store is as it was before or as it should be after. A sample, chosen by SEED; AUFS_TEST_LONG=1 tries all.
import { join } from 'node:path';
import test from 'ava';
import { seeded } from '../helpers/random.ts';
import { canMount, isRoot } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { OPERATIONS } from './store_operations.ts';
import { StoreTrial } from './store_trial.ts';
import { straceMissing } from './strace.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const SEED = Number(process.env['SEED'] ?? Date.now() % 100_000);
/** Failures in the short run, each in another operation. */
const SAMPLE = 3;

/** Calls that can fail, and how. What wakes threads and carries answers is left out: nobody could hear of its failure. */
const FAILURES: readonly { readonly names: string; readonly code: string }[] = [
  {
    names: 'mkdir,mkdirat,openat2,pwrite64,writev,ftruncate,rename,renameat2,link,linkat,symlink,symlinkat',
    code: 'ENOSPC',
  },
  {
    names: 'fsync,fdatasync,syncfs,unlink,unlinkat,rmdir,chmod,fchmod,utimensat,fchownat,mount',
    code: 'EIO',
  },
  { names: 'open,openat,openat2,pipe2,socketpair', code: 'EMFILE' },
];

const pick = seeded(SEED);
const chosenOperations = [...OPERATIONS];
while (!LONG && chosenOperations.length > SAMPLE) chosenOperations.splice(pick(chosenOperations.length), 1);

/** The worker's last line tells of an error with a code. */
function isTyped(said: string | undefined): boolean {
  if (said === 'done') return true;
  return said !== undefined && typeof (JSON.parse(said) as { code?: unknown }).code === 'string';
}

for (const operation of chosenOperations) {
  const missing = [
    ...(operation.mounts !== true || canMount ? [] : ['/dev/fuse']),
    ...(isRoot ? [] : ['root']),
    ...[straceMissing() ?? []].flat(),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(
    `${operation.title}, with a system call that fails: done or refused, and nothing left${note}`,
    async (t) => {
      t.timeout(1_200_000);
      const directory = await temporaryDirectory(t);
      const trial = await StoreTrial.create(directory, operation);
      t.teardown(() => trial.end());
      const faults: string[] = [];
      let tried = 0;
      for (const { names, code } of LONG
        ? FAILURES
        : [FAILURES[pick(FAILURES.length)]].flatMap((one) => one ?? [])) {
        const calls = await trial.rehearse(names, join(directory, 'log'));
        const chosen = LONG ? calls : calls.slice(pick(calls.length || 1)).slice(0, 1);
        for (const { name, occurrence, text } of chosen) {
          const inject = `inject=${name}:error=${code}:when=${occurrence}`;
          const { said, wrong } = await trial.disturbed(['-e', `trace=${name}`, '-e', inject]);
          const fault = isTyped(said) ? wrong : `the caller was told ${said}`;
          if (fault !== undefined) faults.push(`${code} from call ${occurrence}, ${text}: ${fault}`);
          tried++;
        }
      }
      t.deepEqual(faults, []);
      t.log(`${tried} failures, SEED=${SEED}`);
    },
  );
}
