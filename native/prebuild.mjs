// SPDX-License-Identifier: MIT
// Puts the release binaries into prebuilds/linux-<arch>/: the addon (by prebuildify) and the FUSE server beside it.
//   npm run prebuildify                     builds both anew for this machine
//   npm run prebuildify -- --staged DIR     takes those of build/Release and puts them into DIR/prebuilds
//   further arguments go to prebuildify     (--arch arm64 --strip-bin aarch64-linux-gnu-strip)
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withNodeHeaders } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const release = join(root, 'build/Release');
const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);

const staged = option('--staged');
const arch = option('--arch') ?? process.env.npm_config_arch ?? process.arch;
const strip = option('--strip-bin') ?? process.env.STRIP ?? 'strip';
const libc = process.env.LIBC ?? (existsSync('/etc/alpine-release') ? 'musl' : 'glibc');
const target = join(staged ?? root, 'prebuilds', `linux-${arch}`);

if (staged) put('node_aufs.node', `node-aufs.${libc}.node`);
else {
  const prebuildify = join(root, 'node_modules/prebuildify/bin.js');
  run(process.execPath, [prebuildify, '--napi', '--strip', '--tag-libc', '--name=node-aufs', ...args]);
}
put('node-aufs-fuse', `node-aufs-fuse.${libc}`);

/** Copies one product of build/Release, without symbols; only the server's entry point has to stay visible. */
function put(product, name) {
  mkdirSync(target, { recursive: true });
  const file = join(target, name);
  copyFileSync(join(release, product), file);
  chmodSync(file, 0o755);
  const { status } = spawnSync(strip, [...(product.endsWith('.node') ? ['--strip-unneeded'] : []), file]);
  // A machine without binutils can still stage what it built; a release may not be shipped with symbols.
  if (status !== 0 && !staged) throw new Error(`${strip} ${file} failed`);
}

function run(file, argv) {
  const { status } = spawnSync(file, argv, { cwd: root, stdio: 'inherit', env: withNodeHeaders() });
  if (status !== 0) process.exit(status ?? 1);
}
