// SPDX-License-Identifier: MIT
// A disk from which the power can be cut.
import { join } from 'node:path';
import { type FileSystemKind, mountNew } from './file_system.ts';
import { run } from './stage.ts';

/** A file system in a file, and copies of that: what is on the disk at the time, and nothing that only is in memory. */
export class Disk {
  readonly root: string;
  readonly #directory: string;
  readonly #kind: FileSystemKind;

  constructor(directory: string, kind: FileSystemKind) {
    this.root = join(directory, 'fs');
    this.#directory = directory;
    this.#kind = kind;
  }

  async make(): Promise<void> {
    await mountNew(this.#kind, this.root);
  }

  async copy(name: string): Promise<void> {
    await run('cp', ['--sparse=always', `${this.root}.image`, join(this.#directory, name)]);
  }

  async unmount(): Promise<void> {
    await run('umount', [this.root]);
  }

  async mountCopy(name: string): Promise<void> {
    const options = ['loop', ...(this.#kind.options ?? [])].join();
    await run('mount', ['-t', this.#kind.type, '-o', options, join(this.#directory, name), this.root]);
  }
}
