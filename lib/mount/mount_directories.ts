// SPDX-License-Identifier: MIT

import { startDetachedServer } from './detached_server.ts';
import { checkTarget } from './validate.ts';

/**
 * Mounts on `target` what mount options say (`br=A=rw:B=ro+wh`, `lowerdir=A:B,upperdir=C` …), which the
 * server itself reads. `source` is shown as the mount's source. The mount outlives this process. Gives the
 * mountpoint, absolute, symlinks resolved.
 */
export async function mountDirectories(
  source: string | undefined,
  target: string,
  options: string,
  signal?: AbortSignal,
): Promise<string> {
  const mountpoint = await checkTarget(target, options.split(',').includes('nonempty'));
  const names = source === undefined ? [mountpoint] : [source, mountpoint];
  // Branches may be written relative to here.
  await startDetachedServer(['-o', options, '--', ...names], { cwd: process.cwd(), signal });
  return mountpoint;
}
