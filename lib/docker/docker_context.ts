// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import { refuseLiveDocker } from './docker_alive.ts';
import type { DockerLayout } from './docker_layout.ts';

/** What a store of Docker's shares with its layers and containers. */
export interface DockerContext {
  readonly layout: DockerLayout;
  readonly readOnly: boolean;
  /** Where a running dockerd tells its process id. */
  readonly pidFile: string;
}

/** @throws {AufsError} `ERR_STORE_READ_ONLY` unless writing was asked for, `ERR_DOCKER_RUNNING`. */
export async function refuseWriting(
  { layout, readOnly, pidFile }: DockerContext,
  what: string,
): Promise<void> {
  if (readOnly) {
    throw new AufsError('ERR_STORE_READ_ONLY', `cannot ${what}: ${layout.root} is open read-only`, {
      hint: 'open it with readOnly: false, once Docker is stopped',
      path: layout.root,
    });
  }
  await refuseLiveDocker(layout, pidFile);
}
