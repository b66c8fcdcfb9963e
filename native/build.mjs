// SPDX-License-Identifier: MIT
// Builds the addon and the FUSE server into build/Release with node-gyp, compiling only what changed.
// Plain Node, no dependencies; `npm run build:native`, and setup.mjs calls it when a source is newer than the build.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { updateSources } from './list-sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const release = join(root, 'build/Release');
const stamp = join(release, '.built');
const products = [join(release, 'node_aufs.node'), join(release, 'node-aufs-fuse')];

const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

/** Time of the latest change below `folder` in a file that `matches`, in ms. Folders count: they tell of removals. */
export function newest(folder, matches) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) latest = Math.max(latest, modified(path), newest(path, matches));
    else if (matches(entry.name)) latest = Math.max(latest, modified(path));
  }
  return latest;
}

/** @returns {boolean} whether build/Release holds a build made by this file, current or not */
export function isBuilt() {
  return products.every((file) => existsSync(file));
}

/** @returns {boolean} whether a source is newer than the build in build/Release */
export function isStale() {
  if (!isBuilt()) return true;
  const source = Math.max(
    newest(join(root, 'native'), (name) => /\.(cc|h|gypi)$/.test(name)),
    modified(join(root, 'binding.gyp')),
  );
  // npm's own build (the install script) leaves no stamp; then the older product tells the time.
  return source > (modified(stamp) || Math.min(...products.map(modified)));
}

/**
 * node-gyp needs node's headers and downloads them, though they lie beside the binary in every official
 * distribution of node. Returns the environment that makes it use those.
 */
export function withNodeHeaders(env = process.env) {
  if (env.npm_config_nodedir) return env;
  const prefix = dirname(dirname(process.execPath));
  const versionFile = join(prefix, 'include/node/node_version.h');
  if (!existsSync(versionFile) || !existsSync(join(prefix, 'include/node/node_api.h'))) return env;
  const text = readFileSync(versionFile, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  const version = `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
  return version === process.versions.node ? { ...env, npm_config_nodedir: prefix } : env;
}

/** Builds. Two builds at a time (two `npm test`) wait for each other where flock(1) exists. */
export function build() {
  // Only npm knows where its node-gyp is, and says so to the scripts it runs.
  const nodeGyp = process.env.npm_config_node_gyp;
  if (!nodeGyp) return run('npm', ['run', 'build:native']);
  updateSources();
  const started = new Date();
  const makefile = modified(join(root, 'build/Makefile'));
  const configured =
    makefile > modified(join(root, 'binding.gyp')) && makefile > modified(join(root, 'native/sources.gypi'));
  const steps = configured && !process.env.AUFS_WERROR ? ['build'] : ['configure', 'build'];
  const command = [process.execPath, nodeGyp, ...steps, '--release', '--loglevel=warn', '--jobs=max'];
  const hasFlock = spawnSync('flock', ['--version']).status === 0;
  const [file, ...args] = hasFlock ? ['flock', join(root, 'native'), ...command] : command;
  run(file, args);
  writeFileSync(stamp, '');
  utimesSync(stamp, started, started); // what changes while the compiler runs is newer than the build
}

function run(file, args) {
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit', env: withNodeHeaders() });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) build();
