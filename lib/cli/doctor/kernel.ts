// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { kernelFileSystems } from '../../mount/driver.ts';
import { type Finding, no, optional, yes } from './check.ts';

/** Capability number of CAP_SYS_ADMIN, capability.h. */
const CAP_SYS_ADMIN = 21n;

/** True if the running kernel is at least `major.minor`. */
export function kernelAtLeast(major: number, minor: number, version = release()): boolean {
  const [, a = '0', b = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(a) > major || (Number(a) === major && Number(b) >= minor);
}

/** Text of a small file of /proc or /sys without white space at its ends; undefined if it cannot be read. */
export async function readTrimmed(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

export async function hasSysAdmin(): Promise<boolean> {
  const status = (await readTrimmed('/proc/self/status')) ?? '';
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

/**
 * In a user namespace CAP_SYS_ADMIN exists and counts for less: the initial one maps all 2^32 - 1 ids to
 * themselves.
 */
export async function inInitialUserNamespace(): Promise<boolean> {
  return /^0\s+0\s+4294967295$/.test((await readTrimmed('/proc/self/uid_map')) ?? '');
}

/** openat2(2), which everything stands on, came with Linux 5.6. */
export function checkKernel(): Finding {
  const version = release();
  return kernelAtLeast(5, 6) ? yes(version) : no(version, 'Linux 5.6 or newer is needed');
}

export async function checkSysAdmin(): Promise<Finding> {
  if (!(await hasSysAdmin())) {
    return optional(
      'not held',
      'mounts go through fusermount3; root mounts directly and may use passthrough',
    );
  }
  return (await inInitialUserNamespace()) ? yes('held') : yes('held, in a user namespace');
}

export async function checkUserNamespaces(): Promise<Finding> {
  const cure = 'only needed to mount without /dev/fuse rights of your own';
  const limit = await readTrimmed('/proc/sys/user/max_user_namespaces');
  if (limit === undefined || limit === '0') {
    return optional('switched off', `${cure}: sysctl -w user.max_user_namespaces=15000`);
  }
  if ((await readTrimmed('/proc/sys/kernel/unprivileged_userns_clone')) === '0') {
    return optional('root only', `${cure}: sysctl -w kernel.unprivileged_userns_clone=1`);
  }
  if ((await readTrimmed('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')) === '1') {
    const sysctl = 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
    return optional('restricted by AppArmor', `${cure}: ${sysctl}, or a profile with "userns,"`);
  }
  return yes(`allowed (up to ${limit})`);
}

export async function checkOverlay(): Promise<Finding> {
  if ((await kernelFileSystems()).has('overlay')) return yes('in /proc/filesystems');
  return optional('not in /proc/filesystems', 'modprobe overlay; node-aufs does not use it yet');
}

export async function checkAufs(): Promise<Finding> {
  if ((await kernelFileSystems()).has('aufs'))
    return yes('in /proc/filesystems; node-aufs does not use it yet');
  return optional('not in /proc/filesystems', 'no mainline kernel has it; the fuse driver takes its place');
}
