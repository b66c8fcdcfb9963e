// SPDX-License-Identifier: MIT
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AufsError } from './errors.ts';

/** Name of the FUSE server's executable, as binding.gyp calls it. */
const SERVER = 'node-aufs-fuse';

/** lib/ and dist/ are both one level below the package. */
const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/**
 * Where the FUSE server is: `NODE_AUFS_SERVER` if it is set, and nowhere else then; otherwise a build of this
 * checkout or install, otherwise the release binary for this machine. The order is that of node-gyp-build, so addon
 * and server come from the same build.
 *
 * @throws {AufsError} `ERR_SERVER_NOT_FOUND` if there is none that may be executed; `details.tried` has the paths looked at.
 */
export function serverPath(): string {
  const override = process.env['NODE_AUFS_SERVER'];
  const candidates = override ? [override] : installedCandidates();
  const present = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (present === undefined) {
    throw new AufsError('ERR_SERVER_NOT_FOUND', `no FUSE server, looked for ${candidates.join(', ')}`, {
      hint: override
        ? `NODE_AUFS_SERVER names '${override}', which is not a file: correct or unset it`
        : 'build it: npm run build:native in a clone of node-aufs, npm rebuild node-aufs where it is installed ' +
          '(needs g++, make, python3); or set NODE_AUFS_SERVER to the path of a node-aufs-fuse',
      tried: candidates,
    });
  }
  try {
    accessSync(present, constants.X_OK);
  } catch (cause) {
    throw new AufsError('ERR_SERVER_NOT_FOUND', `the FUSE server ${present} may not be executed`, {
      hint: `chmod +x '${present}', or move it to a file system that is not mounted noexec`,
      tried: candidates,
      cause,
    });
  }
  return present;
}

function installedCandidates(): string[] {
  // As node-gyp-build decides it, so that addon and server agree.
  const libc = process.env['LIBC'] ?? (existsSync('/etc/alpine-release') ? 'musl' : 'glibc');
  return [
    join(packageRoot, 'build/Release', SERVER),
    join(packageRoot, 'build/Debug', SERVER),
    join(packageRoot, 'prebuilds', `linux-${process.arch}`, `${SERVER}.${libc}`),
  ];
}
