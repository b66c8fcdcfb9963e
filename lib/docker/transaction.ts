// SPDX-License-Identifier: MIT
import { copyFile, mkdir, mkdtemp, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { binding, type LockHandle } from '../binding.ts';
import { native } from '../errors.ts';
import { withDirectoryLock } from '../store/layer_lock.ts';
import type { DockerLayout } from './docker_layout.ts';

/**
 * Runs `work` while nobody else of us changes which entries there are. The lock is on the directory itself: it leaves no file. Order:
 * this one before those of the store in `aufs/`.
 *
 * @throws `signal.reason` if it is aborted while somebody else holds the lock.
 */
export function withDatabaseLock<T>(
  layout: DockerLayout,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return withDirectoryLock(layout.layerdb, work, signal);
}

/**
 * An entry of the layer database that is being made: `layerdb/tmp/write-set-…`, as Docker names it. Whoever makes it holds a lock on
 * it; what nobody holds is left of an interruption. The names of directories in `aufs/` are the first that it gets, so that what an
 * interruption leaves there can be found.
 */
export class Transaction {
  readonly #path: string;
  readonly #lock: LockHandle | null;
  #committed = false;

  private constructor(path: string, lock: LockHandle | null) {
    this.#path = path;
    this.#lock = lock;
  }

  static async begin(layout: DockerLayout, signal?: AbortSignal): Promise<Transaction> {
    const work = async (): Promise<Transaction> => {
      await mkdir(layout.transactions, { recursive: true, mode: 0o700 });
      const path = await mkdtemp(join(layout.transactions, 'write-set-'));
      const lock = await native(binding().flock(path, true));
      await native(binding().fsyncPath(layout.transactions));
      return new Transaction(path, lock);
    };
    return withDatabaseLock(layout, work, signal);
  }

  /** Writes a file of the entry; it is on disk when this returns. */
  async set(name: string, value: string): Promise<void> {
    const file = await open(join(this.#path, name), 'wx', 0o644);
    try {
      await file.writeFile(value);
      await file.sync();
    } finally {
      await file.close();
    }
    await native(binding().fsyncPath(this.#path));
  }

  /** As {@link set}, with the content of a file. */
  async copy(name: string, from: string): Promise<void> {
    const path = join(this.#path, name);
    await copyFile(from, path);
    await native(binding().fsyncPath(path));
  }

  /** Whether the entry is in its place. */
  get committed(): boolean {
    return this.#committed;
  }

  /**
   * Renames the entry into place; it is on disk when this returns, and not there if this rejects. The caller holds the lock of the
   * database.
   */
  async commit(target: string): Promise<void> {
    await native(binding().fsyncPath(this.#path));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(this.#path, target);
    try {
      await native(binding().fsyncPath(dirname(target)));
    } catch (error) {
      await rename(target, this.#path);
      throw error;
    }
    this.#committed = true;
  }

  /** Takes away what was not committed, the data by `drop` before the entry that names them, and lets go, whatever fails. */
  async end(drop: () => Promise<void>): Promise<void> {
    try {
      if (this.#committed) return;
      await drop();
      await native(binding().removeTree(this.#path));
    } finally {
      if (this.#lock !== null) binding().unlock(this.#lock);
    }
  }
}
