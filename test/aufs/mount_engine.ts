// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hasCode } from '../../lib/errors.ts';
import { mountedBranches, unmount } from '../../lib/mount.ts';
import { serverPath } from '../../lib/server_path.ts';
import type { Engine, Stage } from './engine.ts';
import type { Answer, Entry, Op } from './recording.ts';
import { listBranches, remount } from './restack.ts';

/** Through the kernel: our server, told in AUFS's own words, and an agent that makes the system calls. */
export class MountEngine implements Engine {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async show(): Promise<Answer> {
    const { disks, branches, options } = this.#stage;
    return this.#mount(
      `br:${branches.map(({ name, perm }) => `${disks.branch(name)}=${perm}`).join(':')},${options}`,
    );
  }

  async hide(): Promise<Answer> {
    try {
      await unmount(this.#stage.disks.mountpoint);
    } catch (error) {
      if (hasCode(error, 'ERR_MOUNT_BUSY')) return { errno: 'EBUSY' };
      if (hasCode(error, 'ERR_NOT_MOUNTED')) return { errno: 'EINVAL' };
      throw error;
    }
    return { errno: null };
  }

  async run(op: Op): Promise<Answer> {
    if (op.op === 'mountopts_invalid')
      return this.#mount(String(op['data']).replaceAll('BASE', this.#stage.disks.base));
    const branches = mountedBranches(this.#stage.disks.mountpoint);
    if (op.op === 'remount') return remount(this.#stage, branches, op);
    if (op.op === 'branches') return listBranches(this.#stage, branches);
    return this.#stage.agent.run(op);
  }

  async tree(): Promise<readonly Entry[]> {
    return (await this.#stage.agent.run({ op: 'dump' })).ret as unknown as Entry[];
  }

  async #mount(options: string): Promise<Answer> {
    try {
      await promisify(execFile)(serverPath(), ['-o', options, 'none', this.#stage.disks.mountpoint]);
      return { errno: null };
    } catch (error) {
      // AUFS says EINVAL to whatever it does not like about its options; ours says what it is, in words.
      if (error instanceof Error && 'stderr' in error) return { errno: 'EINVAL' };
      throw error;
    }
  }
}
