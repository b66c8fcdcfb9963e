// SPDX-License-Identifier: MIT
// Builds and runs the C++ tests with cmake and ctest, or the fuzzers.
//   npm run test:native                         under AddressSanitizer and UndefinedBehaviorSanitizer
//   npm run test:native -- --sanitize=thread    under ThreadSanitizer; --sanitize= for none
//   npm run test:native -- --fuzz=20            each fuzzer for 20 s (needs clang)
//   npm run test:native -- --fuzz=20 --tests    the tests too, of the same build
//   npm run test:native -- --werror             with warnings as errors
//   npm run test:native -- -- ARGS              ARGS go to ctest, for example  -R Whiteout
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { updateSources } from './list-sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sanitize: { type: 'string', default: 'address,undefined' },
    fuzz: { type: 'string' },
    tests: { type: 'boolean', default: false },
    werror: { type: 'boolean', default: false },
  },
});

// Tests must see every leak and never go on after undefined behaviour.
const env = { UBSAN_OPTIONS: 'print_stacktrace=1', TSAN_OPTIONS: 'second_deadlock_stack=1', ...process.env };

updateSources();
if (values.fuzz === undefined) runTests();
else runFuzzers(Number(values.fuzz));

function runTests() {
  const build = join(root, 'build-native', values.sanitize.replaceAll(',', '-') || 'plain');
  cmake(build, ['-DAUFS_TESTS=ON', `-DSANITIZE=${values.sanitize}`]);
  ctest(build);
}

function ctest(build) {
  run('ctest', ['--test-dir', build, '--output-on-failure', '-j', jobs(), ...positionals]);
}

function runFuzzers(seconds) {
  const clang = ['clang++-14', 'clang++'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (!clang)
    throw new Error('fuzzers need clang; on Debian 12: apt-get install -y clang-14 libclang-rt-14-dev');
  const build = join(root, 'build-native/fuzz');
  const tests = `-DAUFS_TESTS=${values.tests ? 'ON' : 'OFF'}`;
  cmake(build, ['-DAUFS_FUZZ=ON', tests, '-DSANITIZE=address,undefined', `-DCMAKE_CXX_COMPILER=${clang}`]);
  if (values.tests) ctest(build);
  for (const name of readdirSync(build).filter((file) => file.startsWith('fuzz_'))) {
    // The corpus grows in the build folder; what it finds is written there too, as crash-….
    const corpus = join(build, 'corpus', name);
    mkdirSync(corpus, { recursive: true });
    const seeds = join(root, 'test/native/fuzz/corpus', name.slice('fuzz_'.length));
    const limits = [
      `-max_total_time=${seconds}`,
      '-timeout=10',
      '-rss_limit_mb=1024',
      '-print_final_stats=1',
    ];
    run(join(build, name), [
      ...limits,
      `-artifact_prefix=${build}/`,
      corpus,
      ...(existsSync(seeds) ? [seeds] : []),
    ]);
  }
}

function cmake(build, options) {
  const warnings = `-DAUFS_WERROR=${values.werror ? 'ON' : 'OFF'}`;
  const always = ['-DAUFS_ADDON=OFF', '-DCMAKE_BUILD_TYPE=RelWithDebInfo', warnings];
  run('cmake', ['-S', join(root, 'native'), '-B', build, ...always, ...options]);
  run('cmake', ['--build', build, '-j', jobs()]);
}

function jobs() {
  return String(cpus().length);
}

function run(file, args) {
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit', env });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
