// SPDX-License-Identifier: MIT

import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { BranchStack } from './branch_stack.ts';
import { AufsError } from './errors.ts';
import { mountControl } from './mount/branch_control.ts';
import { startDetachedServer } from './mount/detached_server.ts';
import { chooseDriver } from './mount/driver.ts';
import { Mount } from './mount/mount_handle.ts';
import { mountAt, readMounts } from './mount/mountinfo.ts';
import { escapeOption } from './mount/option_list.ts';
import { ServerProcess } from './mount/server_process.ts';
import { unmount } from './mount/unmount.ts';
import { checkTarget } from './mount/validate.ts';
import { type BranchInput, resolveBranches, resolveStackOptions, type StackOptions } from './options.ts';

export { type ChainIndexOptions, writeChainIndex } from './mount/chain_index.ts';
export type { DriverName, RejectedDriver } from './mount/driver.ts';
export { findHolders, type Holder } from './mount/holders.ts';
export { Mount, type MountEvents } from './mount/mount_handle.ts';
export type { CopyUp, MountStats } from './mount/server_answers.ts';
export { type UnmountOptions, unmount } from './mount/unmount.ts';

export interface MountOptions extends StackOptions {
  /** Topmost first: an earlier branch hides a later one. At least one. */
  readonly branches: readonly BranchInput[];
  /** Nothing can be written, whatever the branches' modes. @default false */
  readonly readOnly?: boolean | undefined;
  /** Any directory can be renamed; without it AUFS's EXDEV for one that has anything below. @default true */
  readonly dirren?: boolean | undefined;
  /**
   * The permissions that the union shows decide who may use a directory; without it those that the directory has in each
   * lower branch must allow it too (AUFS: `nodirperm1`; the kernel remembers no names then).
   * @default true
   */
  readonly dirperm1?: boolean | undefined;
  /** The data of a copy_up need not be on disk before its name: faster, and after a power cut the file may be empty. @default false */
  readonly volatile?: boolean | undefined;
  /** What was written is on disk when {@link Mount.unmount} returns, unless it is `lazy`. @default false */
  readonly syncOnUnmount?: boolean | undefined;
  /**
   * A lower file with at least so many bytes of data is copied behind who writes to it first or changes its attributes, where its data
   * has to be copied at all (no reflink); close(2) after writing, fsync(2) and unmounting wait for it. `false`: the first write or
   * change waits. @default 8 MiB
   */
  readonly backgroundCopyUp?: number | false | undefined;
  /**
   * A file with the index of the read-only branches at the bottom of the stack, from which names, attributes and listings of lower
   * files are answered without a look at the branches, whatever their number. If it is not there, or of other branches, or of these
   * before they were changed, the mount works without and makes it meanwhile, for the mounts that come after it; where it cannot be
   * made (the directory does not exist or cannot be written) there is none. Belongs to who makes it; others cannot read it. Not used with
   * `udba` other than `none`, nor with `shwh`.
   * @default none
   */
  readonly chainIndex?: string | undefined;
  /**
   * Requests come over io_uring where the kernel has that switched on (Linux 6.14; `node-aufs doctor` tells): faster.
   * {@link Mount.stats} tells whether they do, and why not. @default true
   */
  readonly uring?: boolean | undefined;
  /**
   * Threads of the server that have a single busy caller stay on its processor and run while it waits, so that nobody has to be woken on
   * another one: a round trip takes about half the time, where idle processors halt. They compete for the processor as any thread
   * as soon as others want it. Needs root (CAP_SYS_NICE). {@link Mount.stats} tells whether it is so, and why not. @default true
   */
  readonly nearCaller?: boolean | undefined;
  /**
   * Files have a time of birth (`birthtime` of `fs.Stats`). The kernel asks for it apart from all other attributes, the first time that a program
   * wants it, which every `stat` of Node does: without it the first `stat` of each file takes two thirds of the time, and the time of birth is that of
   * 1970. Linux 6.6; before, files of FUSE mounts have none. @default true
   */
  readonly birthTimes?: boolean | undefined;
  /**
   * Other users may use the mount, as the permissions of its files say; who is not root needs
   * `user_allow_other` in /etc/fuse.conf for that.
   * @default true as root (in a user namespace: of several users), else false
   */
  readonly allowOther?: boolean | undefined;
  /** The mount outlives this process; it answers no questions but those about its branches. @default false */
  readonly persist?: boolean | undefined;
  /** Allows a mountpoint that has entries; they are hidden while it is mounted. @default false */
  readonly nonEmpty?: boolean | undefined;
  /** `auto`: the fastest that is faithful to what is asked; for now that is always `fuse`. @default 'auto' */
  readonly driver?: 'auto' | 'fuse' | undefined;
  /** Aborts the mount if it is not established yet; has no effect after that. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Mounts a union of `branches` on the empty directory `target`. It stays until it is unmounted or, unless it
 * is `persist`, until this process ends, by whatever means. It does not keep the process alive.
 *
 * @throws {AufsError} `ERR_BRANCH_NOT_FOUND`, `ERR_BRANCH_OVERLAP`, `ERR_BRANCH_BUSY` (another union writes
 * to it), `ERR_MOUNTPOINT`, `ERR_MOUNTPOINT_NOT_EMPTY`, `ERR_FUSE_DEVICE`, `ERR_FUSERMOUNT`,
 * `ERR_MOUNT_DENIED`, `ERR_SERVER_NOT_FOUND`, `ERR_SERVER_FAILED`.
 * @throws `signal.reason` if `signal` is aborted first; nothing stays mounted.
 *
 * @example
 * await using mount = await mount('/mnt/app', { branches: ['./upper', './lower'] });
 */
export async function mount(target: string, options: MountOptions): Promise<Mount> {
  const { nonEmpty = false, persist = false, syncOnUnmount = false, driver = 'auto', signal } = options;
  signal?.throwIfAborted();
  if (driver !== 'auto' && driver !== 'fuse') {
    throw new AufsError('ERR_UNSUPPORTED', `there is no driver '${String(driver)}' yet`, {
      hint: "use 'auto' or 'fuse'",
    });
  }
  const branches = resolveBranches(options.branches).map(({ path, mode }) => ({
    path: resolve(path),
    perm: mode,
  }));
  const mountpoint = await checkTarget(target, nonEmpty);
  const choice = await chooseDriver(driver);
  const args = [
    ...branches.flatMap(({ path, perm }) => ['--branch', path, perm]),
    ...serverOptions(options),
    mountpoint,
  ];
  const writable = branches.filter(({ perm }) => options.readOnly !== true && perm.startsWith('rw'));
  const written = syncOnUnmount ? writable.map(({ path }) => path) : undefined;
  if (persist) {
    await startPersistent(mountpoint, args, signal);
    return new Mount(mountpoint, choice, undefined, undefined, written);
  }
  const server = await ServerProcess.start(args, signal);
  const device = mountAt(await readMounts(), mountpoint)?.device;
  return new Mount(mountpoint, choice, server, device, written);
}

/**
 * If it rejects, nothing of it stays mounted: the process that starts the server can be killed when the server is up. What is
 * mounted there after a failure of any other kind is somebody else's.
 */
async function startPersistent(
  mountpoint: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const before = mountAt(await readMounts(), mountpoint)?.device;
  const killed = async (): Promise<void> => {
    const now = mountAt(await readMounts(), mountpoint)?.device;
    if (now !== undefined && now !== before) await unmount(mountpoint, { lazy: true }).catch(() => {});
  };
  await startDetachedServer(args, { signal, killed });
}

/**
 * The branches of the mount on `target` (or of the one that this directory is in), whoever made it; for a mount of this process
 * {@link Mount.branches} is the same. Whether there is one shows at the first call.
 *
 * @throws Its methods: {AufsError} `ERR_NOT_MOUNTED` where no union of node-aufs is mounted, `ERR_MOUNT_DENIED` to a user
 * who neither is root nor mounted it.
 */
export function mountedBranches(target: string): BranchStack {
  return new BranchStack(mountControl(resolve(target)));
}

function serverOptions(options: MountOptions): string[] {
  const { readOnly = false, dirren = true, dirperm1 = true, volatile = false } = options;
  const { nonEmpty = false, allowOther, chainIndex, uring, nearCaller, birthTimes } = options;
  const { createPolicy, copyUpPolicy, udba, diropq, shwh } = resolveStackOptions(options);
  const words = [
    ...backgroundCopyUp(options.backgroundCopyUp),
    ...(chainIndex === undefined ? [] : [`chain_index=${escapeOption(resolve(chainIndex))}`]),
    ...(createPolicy === 'tdp' ? [] : [`create=${createPolicy}`]),
    ...(copyUpPolicy === 'tdp' ? [] : [`cpup=${copyUpPolicy}`]),
    ...(udba === 'none' ? [] : [`udba=${udba}`]),
    ...(diropq === 'w' ? [] : [`diropq=${diropq}`]),
    ...(shwh ? ['shwh'] : []),
    ...(readOnly ? ['ro'] : []),
    ...(allowOther === undefined ? [] : [allowOther ? 'allow_other' : 'noallow_other']),
    ...(dirren ? [] : ['nodirren']),
    ...(dirperm1 ? [] : ['nodirperm1']),
    ...(volatile ? ['volatile'] : []),
    ...(nonEmpty ? ['nonempty'] : []),
    ...(uring === undefined ? [] : [uring ? 'uring' : 'nouring']),
    ...(birthTimes === undefined ? [] : [birthTimes ? 'btime' : 'nobtime']),
    ...(nearCaller === undefined ? [] : [nearCaller ? 'near_caller' : 'nonear_caller']),
  ];
  return words.length === 0 ? [] : ['-o', words.join(',')];
}

function backgroundCopyUp(least: number | false | undefined): string[] {
  if (least === undefined) return [];
  if (least === false) return ['nobackground_copy_up'];
  if (Number.isSafeInteger(least) && least > 0) return [`background_copy_up=${least}`];
  throw new TypeError(`Expected backgroundCopyUp to be a number of bytes or false, got ${inspect(least)}`);
}
