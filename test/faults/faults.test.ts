// SPDX-License-Identifier: MIT
// Each system call that the server makes for an operation fails in turn: the caller is told, the union is as it was before or
// as it would be after, mounted again too, and nothing temporary is left. AUFS_TEST_LONG=1 tries all of them.
import test from 'ava';
import { canMount, isRoot } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { isOpen, OPEN } from './open.ts';
import { LOWER, OPERATIONS } from './operations.ts';
import { straceMissing } from './strace.ts';
import { Trial } from './trial.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const ERRORS = ['ENOSPC', 'EIO', 'EDQUOT'];
/** One call of so many fails in the short run. */
const STRIDE = 16;

const missing = [
  ...(canMount ? [] : ['/dev/fuse']),
  ...(isRoot ? [] : ['root']),
  ...[straceMissing() ?? []].flat(),
];
const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;

for (const [i, operation] of OPERATIONS.entries()) {
  (missing.length === 0 ? test.serial : test.skip)(
    `${operation.title}: whatever fails in it, nothing is half done${note}`,
    async (t) => {
      t.timeout(600_000);
      const trial = new Trial(await temporaryDirectory(t), LOWER);
      t.teardown(() => trial.end());
      const wanted = await trial.rehearse(operation);
      t.not(wanted.before, wanted.after);
      t.true(wanted.calls.length > 5, 'its system calls were not seen');
      const faults: string[] = [];
      for (const [j, call] of wanted.calls.entries()) {
        if (isOpen(operation.title, call.text)) continue;
        if (!LONG && (i + j) % STRIDE !== 0) continue;
        for (const code of LONG ? ERRORS : [ERRORS[j % 3] as string]) {
          const wrong = await trial.failing(operation, wanted, call, code);
          if (wrong !== undefined)
            faults.push(`${code} from call ${call.occurrence}, ${call.text}: ${wrong}`);
        }
      }
      t.deepEqual(faults, []);
    },
  );
}

for (const { operations, why } of OPEN) {
  test.skip(`${operations.join(', ')} (open: ${why})`, (t) => t.pass());
}
