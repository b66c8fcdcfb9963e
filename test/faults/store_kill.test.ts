// SPDX-License-Identifier: MIT
// SIGKILL before each system call that changes something, in each operation of a store. When it is opened again every layer is
// whole or absent, nothing is left over, mounted or served, the other layers are as they were, and what was not done can be
// done. A sample, chosen by SEED; AUFS_TEST_LONG=1 tries all.
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
/** Kills in the short run, each of another operation. */
const SAMPLE = 4;

/** Whatever changes files, mounts, locks or processes. */
const CHANGES = [
  'mkdir,mkdirat,mknodat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat',
  'open,openat,openat2,write,pwrite64,writev,pwritev,ftruncate,fallocate,copy_file_range,fsync,fdatasync,syncfs',
  'chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,utimensat,setxattr,lsetxattr,fsetxattr',
  'removexattr,lremovexattr,fremovexattr,mount,umount2,flock,clone,clone3,fork,vfork,execve,kill,sendto,sendmsg',
  'unshare,setsid,exit_group',
].join();

const pick = seeded(SEED);
const chosenOperations = [...OPERATIONS];
while (!LONG && chosenOperations.length > SAMPLE) chosenOperations.splice(pick(chosenOperations.length), 1);

for (const operation of chosenOperations) {
  const missing = [
    ...(operation.mounts !== true || canMount ? [] : ['/dev/fuse']),
    ...(isRoot ? [] : ['root']),
    ...[straceMissing() ?? []].flat(),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(
    `${operation.title}, killed at any system call: done or not done, and nothing left${note}`,
    async (t) => {
      t.timeout(1_200_000);
      const directory = await temporaryDirectory(t);
      const trial = await StoreTrial.create(directory, operation);
      t.teardown(() => trial.end());
      const calls = await trial.rehearse(CHANGES, join(directory, 'log'));
      // An unmount is no more than a line to the server.
      const own = calls.filter(({ name }) => name !== 'exit_group');
      t.true(own.length > 0 && own.length < calls.length, 'its system calls were not seen');
      const chosen = LONG ? calls : [calls[pick(calls.length)]];
      const faults: string[] = [];
      for (const call of chosen) {
        if (call === undefined) continue;
        const { name, occurrence, text } = call;
        const inject = `inject=${name}:signal=SIGKILL:when=${occurrence}`;
        const { wrong } = await trial.disturbed(['-e', `trace=${name}`, '-e', inject]);
        if (wrong !== undefined) faults.push(`killed at call ${occurrence}, ${text}: ${wrong}`);
      }
      t.deepEqual(faults, []);
      t.log(LONG ? `${calls.length} calls` : `1 of ${calls.length} calls, SEED=${SEED}`);
    },
  );
}
