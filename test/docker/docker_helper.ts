// SPDX-License-Identifier: MIT
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type DockerFixture, dockerFixture } from '../helpers/docker_store.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

/** A root of Docker's that goes away with the test, and a directory beside it. */
export async function dockerRoot(t: ExecutionContext): Promise<DockerFixture & { readonly scratch: string }> {
  const scratch = await temporaryDirectory(t);
  return { ...(await dockerFixture(join(scratch, 'docker'), scratch)), scratch };
}

/** An empty directory to mount on, outside of the store. */
export async function mountpoint(t: ExecutionContext): Promise<string> {
  const path = join(await temporaryDirectory(t), 'mnt');
  await mkdir(path);
  return path;
}
