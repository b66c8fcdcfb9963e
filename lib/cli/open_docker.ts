// SPDX-License-Identifier: MIT
import { type DockerStore, type OpenDockerStoreOptions, openDockerStore } from '../docker/index.ts';
import type { Context } from './verb.ts';

/** Docker's root that `--root` names. */
export function openDocker({ root }: Context, options?: OpenDockerStoreOptions): Promise<DockerStore> {
  return openDockerStore(root ?? '/var/lib/docker', options);
}
