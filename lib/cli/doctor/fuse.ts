// SPDX-License-Identifier: MIT
import { access, constants, open, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { binding } from '../../binding.ts';
import { hasCode } from '../../errors.ts';
import { serverPath } from '../../server_path.ts';
import { type Finding, no, optional, yes } from './check.ts';
import { hasSysAdmin, inInitialUserNamespace, kernelAtLeast, readTrimmed } from './kernel.ts';

export function checkAddon(): Finding {
  try {
    binding();
    return yes('loaded');
  } catch (error) {
    return no('cannot be loaded', (error as Error).message);
  }
}

export function checkServer(): Finding {
  try {
    return yes(serverPath());
  } catch (error) {
    return no('not found', (error as Error).message);
  }
}

/** Opening it is the only test that also sees a device cgroup. */
export async function checkFuseDevice(): Promise<Finding> {
  try {
    await (await open('/dev/fuse', constants.O_RDWR)).close();
    return yes('/dev/fuse can be opened');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return no(
        '/dev/fuse is missing',
        'modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN',
      );
    }
    if (hasCode(error, 'EACCES')) {
      return no(
        '/dev/fuse may not be opened by this user',
        'chmod 666 /dev/fuse (as root; udev does that by default)',
      );
    }
    const cure = 'in a container start it with --device /dev/fuse --cap-add SYS_ADMIN; else modprobe fuse';
    return no(`/dev/fuse cannot be opened (${(error as NodeJS.ErrnoException).code})`, cure);
  }
}

export async function checkFusermount(): Promise<Finding> {
  const cure = 'apt-get install fuse3 (Fedora: dnf install fuse3, Alpine: apk add fuse3)';
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'fusermount3');
    try {
      await access(path, constants.X_OK);
      const setUserId = ((await stat(path)).mode & 0o4000) !== 0;
      return setUserId ? yes(path) : optional(`${path} is not set-user-id`, `chmod u+s ${path}`);
    } catch {
      // not here
    }
  }
  return (await hasSysAdmin())
    ? optional('not on PATH', `root does not need it; others: ${cure}`)
    : no('not on PATH', cure);
}

export async function checkPassthrough(): Promise<Finding> {
  if (!kernelAtLeast(6, 9))
    return optional('this kernel has none', 'Linux 6.9 or newer: reads and writes past the server');
  if (!(await hasSysAdmin()) || !(await inInitialUserNamespace())) {
    return optional(
      'not for this user',
      'the kernel grants it to root only (CAP_SYS_ADMIN in the initial user namespace)',
    );
  }
  return yes('possible');
}

export async function checkUring(): Promise<Finding> {
  if (!kernelAtLeast(6, 14)) return optional('this kernel has none', 'Linux 6.14 or newer');
  const parameter = '/sys/module/fuse/parameters/enable_uring';
  const value = await readTrimmed(parameter);
  if (value === undefined) return optional('the kernel was built without it');
  if (value !== 'Y') return optional('switched off', `echo Y > ${parameter} (as root)`);
  const forbidden = Number((await readTrimmed('/proc/sys/kernel/io_uring_disabled')) ?? 0);
  if (forbidden > 1 || (forbidden === 1 && !(await hasSysAdmin())))
    return optional(
      'switched on, but io_uring is forbidden',
      'sysctl -w kernel.io_uring_disabled=0 (as root)',
    );
  return yes('switched on');
}

export async function checkAllowOther(): Promise<Finding> {
  if (process.geteuid?.() === 0) return yes('always, as root');
  const config = (await readTrimmed('/etc/fuse.conf')) ?? '';
  if (/^\s*user_allow_other\s*$/m.test(config)) return yes('user_allow_other in /etc/fuse.conf');
  return optional(
    'only you can look into your mounts',
    'write user_allow_other into /etc/fuse.conf (as root)',
  );
}
