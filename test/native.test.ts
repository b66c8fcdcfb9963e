// SPDX-License-Identifier: MIT
// The C++ unit tests, if somebody built them (npm run test:native does, and needs GoogleTest); .ci/run always does.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { newest } from '../native/build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build-native/address-undefined');
const program = join(folder, 'native_tests');

function isCurrent(): boolean {
  if (!existsSync(program)) return false;
  const isSource = (name: string): boolean => /\.(cc|h|gypi)$/.test(name);
  const changed = Math.max(
    newest(join(root, 'native'), isSource),
    newest(join(root, 'test/native'), isSource),
  );
  return statSync(program).mtimeMs >= changed;
}

const run = isCurrent() ? test : test.skip;
run('C++ unit tests under sanitizers (needs a current build: npm run test:native)', (t) => {
  t.timeout(300_000);
  const { status, stdout, stderr } = spawnSync(program, ['--gtest_brief=1'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) t.log(stdout, stderr);
  t.is(status, 0);
});
