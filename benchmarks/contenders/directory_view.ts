// SPDX-License-Identifier: MIT
import { chmodSync, closeSync, openSync, statSync, writeSync } from 'node:fs';
import type { View } from '../suite.ts';

const BYTE = Buffer.from('x');
const QUIET = { throwIfNoEntry: false } as const;

/** A tree that the kernel serves, mounted or not, used through synchronous calls. */
export class DirectoryView implements View {
  readonly root: string;
  readonly #prefix: string;

  constructor(root: string) {
    this.root = root;
    this.#prefix = `${root}/`;
  }

  firstWrite(paths: readonly string[]): void {
    for (const path of paths) {
      const fd = openSync(this.#prefix + path, 'r+');
      writeSync(fd, BYTE, 0, 1, 0);
      closeSync(fd);
    }
  }

  chmod(path: string, mode: number): void {
    chmodSync(this.#prefix + path, mode);
  }

  stat(paths: readonly string[]): number {
    let found = 0;
    for (const path of paths) if (statSync(this.#prefix + path, QUIET) !== undefined) found++;
    return found;
  }
}
