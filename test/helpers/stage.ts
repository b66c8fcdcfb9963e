// SPDX-License-Identifier: MIT
import { execFile, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { hasCode } from '../../lib/errors.ts';
import { type Mount, type MountOptions, mount } from '../../lib/mount.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { type Tree, writeTree } from './tree.ts';

export { canMount } from '../store/store_helper.ts';

export const isRoot = process.getuid?.() === 0;
export const run = promisify(execFile);

/** True if the program is installed. */
export function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Branches in a directory that goes away with the test: `rw` on top of `ro1`, `ro2`, …, and a mountpoint. */
export class Stage {
  readonly root: string;
  readonly upper: string;
  readonly lowers: readonly string[];
  readonly target: string;
  #mounted: Mount | undefined;

  constructor(root: string, lowers: number) {
    this.root = root;
    this.upper = join(root, 'rw');
    this.lowers = Array.from({ length: lowers }, (_, i) => join(root, `ro${i + 1}`));
    this.target = join(root, 'mnt');
  }

  static async create(t: ExecutionContext, upper: Tree, ...lowers: Tree[]): Promise<Stage> {
    const stage = new Stage(await temporaryDirectory(t), lowers.length);
    await mkdir(stage.target);
    await writeTree(stage.upper, upper);
    for (const [i, lower] of lowers.entries()) await writeTree(stage.lowers[i] as string, lower);
    t.teardown(() => stage.unmount());
    return stage;
  }

  get branches(): string[] {
    return [this.upper, ...this.lowers];
  }

  /** A path in the mount. */
  at(path: string): string {
    return join(this.target, path);
  }

  async mount(options: Partial<MountOptions> = {}): Promise<Mount> {
    this.#mounted = await mount(this.target, { branches: this.branches, ...options });
    return this.#mounted;
  }

  /** Unmounts, if that has not happened yet: a server that a test has killed is no error. */
  async unmount(): Promise<void> {
    const mounted = this.#mounted;
    this.#mounted = undefined;
    await mounted?.unmount({ lazy: true }).catch((error: unknown) => {
      if (!hasCode(error, 'ERR_MOUNT_LOST')) throw error;
    });
  }

  async remount(options: Partial<MountOptions> = {}): Promise<Mount> {
    await this.#mounted?.unmount();
    return this.mount(options);
  }
}
