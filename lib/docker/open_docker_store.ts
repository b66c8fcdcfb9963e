// SPDX-License-Identifier: MIT
import { readdir, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AufsError, hasCode } from '../errors.ts';
import { openStore } from '../store/open_store.ts';
import { PID_FILE, refuseLiveDocker } from './docker_alive.ts';
import { DockerLayout } from './docker_layout.ts';
import { DockerStore } from './docker_store.ts';
import { isDirectory } from './read_layers.ts';

export interface OpenDockerStoreOptions {
  /** Not one byte, lock file or time of the store is changed; access times are the file system's affair. @default true */
  readonly readOnly?: boolean | undefined;
  /** If it is opened for writing, does at once what {@link DockerStore.gc} does. @default true */
  readonly gc?: boolean | undefined;
  /** Where a running dockerd would tell its process id (its `--pidfile`). @default '/var/run/docker.pid' */
  readonly pidFile?: string | undefined;
}

/**
 * Opens what Docker left in its root (`/var/lib/docker`, or a copy of it from anywhere) with the aufs driver, in place. For writing, it also
 * finishes what was interrupted, and adds `.node-aufs/` to the store in `aufs/`, which Docker does not mind.
 *
 * @throws {AufsError} `ERR_STORE` if `root` is no such directory; `ERR_DOCKER_RUNNING` if it is to be written to and a Docker daemon
 * seems alive.
 *
 * @example
 * const docker = await openDockerStore('/var/lib/docker');
 * const layer = await docker.layer('busybox:latest');
 * await using mount = await layer.mount('/mnt/busybox');
 */
export async function openDockerStore(
  root: string,
  { readOnly = true, gc = true, pidFile = PID_FILE }: OpenDockerStoreOptions = {},
): Promise<DockerStore> {
  const real = await checkedRoot(resolve(root));
  const layout = new DockerLayout(real, await realpath(join(real, 'aufs')));
  if (readOnly) return new DockerStore({ layout, driver: undefined, pidFile });
  await refuseLiveDocker(layout, pidFile);
  const driver = await openStore(layout.driver.root, { create: false });
  const store = new DockerStore({ layout, driver, pidFile });
  if (gc) await store.gc();
  return store;
}

/** The root without symlinks, if it is one. */
async function checkedRoot(root: string): Promise<string> {
  let real: string;
  let names: string[];
  try {
    real = await realpath(root);
    names = await readdir(real);
  } catch (cause) {
    throw new AufsError('ERR_STORE', `cannot open the Docker store in ${root}: ${(cause as Error).message}`, {
      hint: hasCode(cause, 'EACCES') ? 'run as root' : "give Docker's root directory, as /var/lib/docker",
      path: root,
      cause,
    });
  }
  const { layerdb, driver } = new DockerLayout(real);
  if ((await isDirectory(layerdb)) && (await isDirectory(driver.diffs))) return real;
  throw new AufsError(
    'ERR_STORE',
    `${root} is no root of Docker's with the aufs driver (aufs/, image/aufs/)`,
    {
      hint: await whereElse(real, names),
      path: root,
    },
  );
}

/** Where the user may have meant. */
async function whereElse(root: string, names: readonly string[]): Promise<string> {
  const above = dirname(root);
  // With userns-remap the whole root is one further down, by the ids that root is mapped to.
  const near = [above, ...names.filter((name) => /^\d+\.\d+$/.test(name)).map((name) => join(root, name))];
  for (const other of near) {
    if (await isDirectory(new DockerLayout(other).layerdb)) return `give ${other}`;
  }
  return "give Docker's root directory, as /var/lib/docker; a store without image/ is opened by openStore()";
}
