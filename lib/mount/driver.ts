// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

/** Who serves a mount. */
export type DriverName = 'aufs' | 'overlay' | 'fuse';

/** A driver that was not taken, and why. */
export interface RejectedDriver {
  readonly driver: DriverName;
  readonly reason: string;
}

export interface DriverChoice {
  readonly driver: 'fuse';
  readonly rejected: readonly RejectedDriver[];
}

/** Chooses the driver for a mount. The reasons for those not taken are part of the answer. */
export async function chooseDriver(asked: 'auto' | 'fuse'): Promise<DriverChoice> {
  if (asked === 'fuse') {
    const reason = "driver: 'fuse' was asked for";
    return {
      driver: 'fuse',
      rejected: [
        { driver: 'aufs', reason },
        { driver: 'overlay', reason },
      ],
    };
  }
  const known = await kernelFileSystems();
  const aufs = known.has('aufs')
    ? 'the kernel has AUFS, but node-aufs cannot use it yet'
    : 'this kernel has no AUFS (not in /proc/filesystems); no mainline kernel has';
  const overlay = 'overlayfs is not implemented for AUFS-form layers yet';
  return {
    driver: 'fuse',
    rejected: [
      { driver: 'aufs', reason: aufs },
      { driver: 'overlay', reason: overlay },
    ],
  };
}

/** Names in /proc/filesystems. A file system whose module is not loaded yet is missing there. */
export async function kernelFileSystems(): Promise<Set<string>> {
  return new Set(fileSystemLines().map((line) => line.split('\t')[1] ?? ''));
}

function fileSystemLines(): string[] {
  try {
    return readFileSync('/proc/filesystems', 'utf8').split('\n');
  } catch {
    return [];
  }
}
