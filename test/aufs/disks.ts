// SPDX-License-Identifier: MIT
import { mkdir, mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { unmount } from '../../lib/mount.ts';
import { run } from '../helpers/stage.ts';
import type { RecordedBranch } from './recording.ts';

/** `f_type` of statfs(2). */
const EXT4 = 0xef53;

/** The directories of a scenario: BASE/BRANCH for each branch and BASE/mnt. Disposing removes them. */
export class Disks implements AsyncDisposable {
  readonly base: string;
  readonly mountpoint: string;

  private constructor(base: string) {
    this.base = base;
    this.mountpoint = join(base, 'mnt');
  }

  static async create(branches: readonly RecordedBranch[]): Promise<Disks> {
    const disks = new Disks(await mkdtemp(join(tmpdir(), 'aufs-replay-')));
    // The recording's branches were on ext4, and it shows: link counts, holes, which attributes there are.
    if ((await statfs(disks.base)).type !== EXT4)
      await mountImage(`${disks.base}.img`, '256M', disks.base, ['-b', '4096']);
    await mkdir(disks.mountpoint);
    for (const branch of branches) {
      await mkdir(disks.branch(branch.name));
      if (branch.fs !== undefined) await disks.#fileSystem(branch.name, branch.fs);
    }
    // Whoever the scenario acts as has to get there; mkdtemp keeps everybody else out.
    await run('chmod', ['0755', disks.base]);
    return disks;
  }

  branch(name: string): string {
    return join(this.base, name);
  }

  async #fileSystem(name: string, kind: string): Promise<void> {
    const [, type = '', size = '', more = ''] = /^(\w+):(\w+)(,.*)?$/.exec(kind) ?? [];
    const target = this.branch(name);
    if (type === 'tmpfs') {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${size}${more},mode=0755`, 'replay', target]);
    } else if (type === 'ext4') {
      await mountImage(join(this.base, `${name}.img`), size, target);
    } else {
      throw new Error(`no such file system: ${kind}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { target } of (await readMounts()).reverse()) {
      if (`${target}/`.startsWith(`${this.base}/`)) await unmount(target, { lazy: true });
    }
    await rm(this.base, { recursive: true });
    await rm(`${this.base}.img`, { force: true });
  }
}

async function mountImage(
  image: string,
  size: string,
  target: string,
  options: readonly string[] = [],
): Promise<void> {
  await writeFile(image, '');
  await truncate(image, Number.parseInt(size, 10) * 1024 * 1024);
  await run('mkfs.ext4', ['-q', ...options, image]);
  await run('mount', ['-o', 'loop', image, target]);
  await rm(join(target, 'lost+found'), { recursive: true });
}
