// SPDX-License-Identifier: MIT
import type { ExecutionContext } from 'ava';
import { run } from '../helpers/stage.ts';
import { temporaryDirectory } from './store_helper.ts';

/** A file system of so many MiB that goes away with the test. Needs root. */
export async function disk(t: ExecutionContext, size: number): Promise<string> {
  const target = await temporaryDirectory(t);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', target]);
  t.teardown(() => run('umount', [target]));
  return target;
}
