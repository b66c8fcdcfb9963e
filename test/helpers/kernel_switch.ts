// SPDX-License-Identifier: MIT
// Switches of the kernel in /proc and /sys, which a test sets for as long as it runs.
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';

/** Whether FUSE over io_uring is allowed; a kernel without that has no such file. */
export const FUSE_URING = '/sys/module/fuse/parameters/enable_uring';
/** 2: nobody may use io_uring. */
export const IO_URING_DISABLED = '/proc/sys/kernel/io_uring_disabled';

/** True if the switch is there and this process may set it. */
export function canSwitch(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Sets a switch. @returns what puts it back, which happens when this process ends, too. */
export function switchTo(path: string, value: string): () => void {
  const before = readFileSync(path, 'utf8').trim();
  const putBack = (): void => writeFileSync(path, before);
  process.once('exit', putBack);
  writeFileSync(path, value);
  return () => {
    process.removeListener('exit', putBack);
    putBack();
  };
}
