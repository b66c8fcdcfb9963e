// SPDX-License-Identifier: MIT
import { basename, dirname } from 'node:path';
import { AufsError } from '../errors.ts';
import { mountContaining, readMounts } from '../mount/mountinfo.ts';
import { resolveTarget } from '../mount/resolve_target.ts';
import { branchesOfServer } from '../mount/server_arguments.ts';
import type { Branch } from '../options.ts';
import { isLayerId, openStore } from '../store/index.ts';

/** The branch stack of the mount that `path` lies in, and the path from the root of that mount. */
export async function stackOfMount(path: string): Promise<{ stack: readonly Branch[]; inside: string }> {
  const absolute = await resolveTarget(path);
  const mount = mountContaining(await readMounts(), absolute);
  const target = mount?.target ?? '/';
  const inside = absolute.slice(target === '/' ? 0 : target.length) || '/';
  const stack = (await branchesOfServer(target)) ?? (await branchesOfLayer(target));
  if (stack !== undefined) return { stack, inside };
  throw new AufsError(
    'ERR_NOT_MOUNTED',
    `'${path}' is not inside a mount of node-aufs that this user may look at`,
    {
      hint: 'name the union with --layer or --branches',
      path,
    },
  );
}

/** A mount of a store is `ROOT/mnt/ID`. */
async function branchesOfLayer(target: string): Promise<readonly Branch[] | undefined> {
  const id = basename(target);
  if (!isLayerId(id) || basename(dirname(target)) !== 'mnt') return undefined;
  const store = await openStore(dirname(dirname(target)), { create: false });
  return (await store.layer(id)).branches();
}
