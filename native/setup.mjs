// SPDX-License-Identifier: MIT
// Brings a bare clone, or a clone with changed sources, to a state where dist/, the addon and the FUSE server are
// there and current. Plain Node, no dependencies; `npm start` and `npm test` run it first. About 0.1 s if all is well.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt, isStale, newest, withNodeHeaders } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (path) => join(root, path);
const modified = (path) => (existsSync(at(path)) ? statSync(at(path)).mtimeMs : 0);

checkNode();
if (!dependenciesAreCurrent()) {
  if (!prebuilt()) checkCompiler();
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']); // its scripts build the addon and dist/
}
if (nativeIsStale()) {
  checkCompiler();
  build();
}
if (newest(at('lib'), (name) => name.endsWith('.ts')) > modified('dist/.tsbuildinfo')) {
  run(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.json')]);
  utimesSync(at('dist/.tsbuildinfo'), new Date(), new Date()); // tsc leaves it alone if nothing changed in substance
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node 20.19 or newer is needed, this is ${process.version}.`);
}

/** Whether node_modules holds the versions that package-lock.json names. Its times say nothing after a checkout. */
function dependenciesAreCurrent() {
  const installed = at('node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    return present[path] === undefined ? optional === true : present[path].version === version;
  });
}

/** Whether a release put binaries for this machine into prebuilds/. */
function prebuilt() {
  const folder = at(`prebuilds/linux-${process.arch}`);
  const libc = existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
  return [`node-aufs.${libc}.node`, `node-aufs-fuse.${libc}`].every((name) => existsSync(join(folder, name)));
}

function nativeIsStale() {
  if (isBuilt()) return isStale();
  if (!prebuilt()) return true;
  try {
    createRequire(import.meta.url)('node-gyp-build').resolve(root);
    return false;
  } catch {
    return true;
  }
}

function checkCompiler() {
  const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
  const missing = [process.env.CXX || 'g++', 'make', 'python3'].filter((command) => !has(command));
  if (missing.length > 0) {
    const sudo = process.getuid() === 0 ? '' : 'sudo ';
    fail(
      `No prebuilt binary fits (linux-${process.arch}), and to build one these are missing: ${missing.join(', ')}`,
      `On Debian or Ubuntu install them with:\n\n  ${sudo}apt-get install -y g++ make python3\n`,
    );
  }
  if (process.env.CXX) return;
  const version = spawnSync('g++', ['-dumpversion'], { encoding: 'utf8' }).stdout.trim();
  if (Number.parseInt(version, 10) < 10) fail(`g++ 10 or newer is needed for C++20, this is g++ ${version}.`);
}

function run(file, args) {
  const env = { JOBS: 'max', ...withNodeHeaders() }; // node-gyp's number of compilers
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit', env });
  if (error?.code === 'ENOENT') fail(`${file} is not on PATH.`);
  if (status !== 0) fail(`node-aufs: set-up failed: ${file} ${args.join(' ')}`);
}

function fail(...lines) {
  console.error(lines.join('\n'));
  process.exit(1);
}
