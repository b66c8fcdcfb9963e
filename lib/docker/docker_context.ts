// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { refuseLiveDocker } from './docker_alive.ts';
import type { DockerLayout } from './docker_layout.ts';

/** What a store of Docker's shares with its layers and containers. */
export interface DockerContext {
  readonly layout: DockerLayout;
  /** The store in `aufs/`; undefined if nothing may be changed. */
  readonly driver: Store | undefined;
  /** Where a running dockerd tells its process id. */
  readonly pidFile: string;
}

/** The store in `aufs/`, to write to. @throws {AufsError} `ERR_STORE_READ_ONLY`, `ERR_DOCKER_RUNNING`. */
export async function writableDriver(
  { layout, driver, pidFile }: DockerContext,
  what: string,
): Promise<Store> {
  if (driver === undefined) {
    throw new AufsError('ERR_STORE_READ_ONLY', `cannot ${what}: ${layout.root} is open read-only`, {
      hint: 'open it with readOnly: false, once Docker is stopped',
      path: layout.root,
    });
  }
  await refuseLiveDocker(layout, pidFile);
  return driver;
}
