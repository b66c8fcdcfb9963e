// SPDX-License-Identifier: MIT
import { type DockerStore, openDockerStore } from '../docker/index.ts';
import type { Context } from './verb.ts';

/** Docker's root that `--root` names. */
export function openDocker({ root }: Context, { readOnly = true } = {}): Promise<DockerStore> {
  return openDockerStore(root ?? '/var/lib/docker', { readOnly });
}
