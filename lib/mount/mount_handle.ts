// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events';
import { BranchStack } from '../branch_stack.ts';
import { AufsError, hasCode, SystemError } from '../errors.ts';
import { mountControl } from './branch_control.ts';
import type { DriverChoice, DriverName, RejectedDriver } from './driver.ts';
import { flushBranches } from './flush_branches.ts';
import { ServerGone } from './line_channel.ts';
import { mountAt, readMounts } from './mountinfo.ts';
import { type CopyUp, type MountStats, readCopyUps, readStats } from './server_answers.ts';
import type { ServerProcess } from './server_process.ts';
import { busy, type UnmountOptions, unmount } from './unmount.ts';

/** Events of a {@link Mount}. */
export interface MountEvents {
  /** The server died, or somebody else unmounted it. What was left of the mount has been removed. */
  lost: [error: AufsError];
}

/**
 * A mounted union. It never keeps the process alive: when the process ends, by whatever means, a mount that
 * is not `persist` is unmounted by its server.
 */
export class Mount extends EventEmitter<MountEvents> implements AsyncDisposable {
  /** Where it is: absolute, symlinks resolved. */
  readonly target: string;
  readonly driver: DriverName;
  /** The drivers that were not taken, and why. */
  readonly driversRejected: readonly RejectedDriver[];
  /** Reads and writes of a file that was not copied up meanwhile go past the server (Linux 6.9, root). */
  readonly passthrough: boolean;
  /** The branches, which can be changed while the mount is in use. */
  readonly branches: BranchStack;
  /** Process id of the server; undefined for a persistent mount. */
  readonly serverPid: number | undefined;
  readonly #server: ServerProcess | undefined;
  readonly #device: string | undefined;
  readonly #written: readonly string[] | undefined;
  #unmounting: Promise<void> | undefined;

  /** @internal Use {@link mount}. @param written - Branches that are flushed when it is unmounted, beside those that were added. */
  constructor(
    target: string,
    choice: DriverChoice,
    server: ServerProcess | undefined,
    device: string | undefined,
    written: readonly string[] | undefined,
  ) {
    super();
    this.target = target;
    this.branches = new BranchStack(mountControl(target));
    this.driver = choice.driver;
    this.driversRejected = choice.rejected;
    this.passthrough = server?.mounted.passthrough ?? false;
    this.serverPid = server?.mounted.pid;
    this.#server = server;
    this.#device = device;
    this.#written = written;
    void server?.closed.then(() => this.#hungUp());
  }

  /** True for a mount that outlives this process. */
  get persistent(): boolean {
    return this.#server === undefined;
  }

  /**
   * Unmounts, after everything that was written is in the writable branch. Calling it again returns the same
   * promise, unless it failed: then it is tried anew.
   *
   * @throws {AufsError} `ERR_MOUNT_BUSY`, which names who holds it; `ERR_MOUNT_LOST` if it is gone already.
   * @throws {SystemError} `EIO` and the like if the copy of a large file, of which attributes were changed, cannot be completed: it is
   * unmounted, and they are lost.
   */
  unmount(options: UnmountOptions = {}): Promise<void> {
    this.#unmounting ??= this.#unmount(options).catch((error: unknown) => {
      if (!hasCode(error, 'ERR_MOUNT_LOST')) this.#unmounting = undefined;
      throw error;
    });
    return this.#unmounting;
  }

  /** What the server counted so far. Not for persistent mounts: they have no control socket. */
  async stats(): Promise<MountStats> {
    return readStats(await this.#ask('stats'));
  }

  /**
   * The last thousand copy_ups of this mount, oldest first: path, method, bytes, time. Not for persistent
   * mounts.
   */
  async copyUps(): Promise<CopyUp[]> {
    return readCopyUps(await this.#ask('copyups'));
  }

  /** Unmounts; a mount that is lost already is no error here, and what reached its branches is flushed if that was asked for. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.unmount();
    } catch (error) {
      if (!hasCode(error, 'ERR_MOUNT_LOST')) throw error;
      await flushBranches(this.#written ?? []);
    }
  }

  async #unmount(options: UnmountOptions): Promise<void> {
    if (this.#written === undefined) return this.#stop(options);
    const now = await this.branches.list().catch(() => undefined);
    await this.#stop(options);
    const added = now?.filter(({ mode }) => mode.startsWith('rw')).map(({ path }) => path);
    await flushBranches(added && new Set([...this.#written, ...added]));
  }

  async #stop({ lazy = false }: UnmountOptions): Promise<void> {
    const server = this.#server;
    if (server === undefined) return unmount(this.target, { lazy });
    let answer: Record<string, unknown> = {};
    try {
      answer = await server.request(lazy ? 'stop lazy' : 'stop');
    } catch (cause) {
      if (hasCode(cause, 'EBUSY') || hasCode(cause, 'ERR_MOUNT_BUSY')) throw await busy(this.target, cause);
      if (!(cause instanceof ServerGone)) throw cause;
      // Fine if it went in good order before it could answer.
      const how = await server.exited();
      if (how !== 'exit code 0') throw this.#lost(how, cause);
    }
    // One that is out of sight but in use is served until its last user leaves, or until this process ends.
    if (answer['in_use'] === true) return;
    await server.exited();
    server.close();
    const errno = answer['not_copied'];
    if (typeof errno === 'number')
      throw new SystemError({ errno: -errno, syscall: 'copy_up', path: this.target });
  }

  async #ask(command: string): Promise<Record<string, unknown>> {
    if (this.#server === undefined) {
      throw new AufsError('ERR_UNSUPPORTED', `a persistent mount answers no questions (${command})`, {
        hint: 'mount without persist: true',
        path: this.target,
      });
    }
    if (this.#unmounting !== undefined) {
      throw new AufsError('ERR_NOT_MOUNTED', `'${this.target}' is unmounted`, { path: this.target });
    }
    try {
      return await this.#server.request(command);
    } catch (cause) {
      if (!(cause instanceof ServerGone)) throw cause;
      throw this.#lost(await this.#server.exited(), cause);
    }
  }

  async #hungUp(): Promise<void> {
    if (this.#unmounting !== undefined) return;
    const how = (await this.#server?.exited()) ?? '';
    const error = this.#lost(how);
    this.#unmounting = Promise.reject(error);
    this.#unmounting.catch(() => {});
    await this.#clearAway();
    this.emit('lost', error);
  }

  /** A server that is killed leaves a dead mount (ENOTCONN) behind, which only we know to be ours. */
  async #clearAway(): Promise<void> {
    const left = mountAt(await readMounts().catch(() => []), this.target);
    if (left === undefined || left.device !== this.#device) return;
    await unmount(this.target, { lazy: true }).catch(() => {});
  }

  #lost(how: string, cause?: unknown): AufsError {
    const message = `the mount on '${this.target}' is gone: its server ended (${how})`;
    const hint = 'what was written before is in the writable branch; mount again';
    return new AufsError('ERR_MOUNT_LOST', message, { hint, path: this.target, cause });
  }
}
