// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Contender, View } from '../suite.ts';
import { DirectoryView } from './directory_view.ts';

/** No union at all: the content of the lowest branch, in a writable copy made once. */
const plainDirectory: Contender = {
  name: 'plain directory',
  async start({ lowers, scratch }) {
    const lowest = lowers.at(-1);
    const copy = join(scratch, 'plain');
    if (lowest === undefined) throw new Error('no branch');
    if (!existsSync(copy)) execFileSync('cp', ['-a', '--reflink=auto', lowest, copy]);
    return { view: new DirectoryView(copy), copies: undefined, async stop() {} };
  },
};

/** What copying costs without a union: one `cp` for the whole branch. */
const cp: Contender = {
  name: 'cp -a --reflink=auto',
  async start({ lowers, upper }) {
    const view: View = {
      firstWrite() {
        execFileSync('cp', ['-a', '--reflink=auto', `${lowers[0]}/.`, upper]);
      },
      chmod: () => unsupported(),
      stat: () => unsupported(),
    };
    return { view, copies: upper, async stop() {} };
  },
};

/** The least that a durable copy can cost through plain calls: a clone where that works, on disk before it has its name. */
const durableCopy: Contender = {
  name: 'copy, fsync, rename',
  async start({ lowers: [lower = ''], upper, work }) {
    const copy = (path: string, mode?: number) => {
      const temporary = join(work, 'copy');
      copyFileSync(join(lower, path), temporary, constants.COPYFILE_FICLONE);
      if (mode !== undefined) chmodSync(temporary, mode);
      const fd = openSync(temporary, 'r+');
      fsyncSync(fd);
      closeSync(fd);
      const target = join(upper, path);
      mkdirSync(dirname(target), { recursive: true });
      renameSync(temporary, target);
    };
    const view: View = {
      firstWrite(paths) {
        for (const path of paths) copy(path);
      },
      chmod: copy,
      stat: () => unsupported(),
    };
    return { view, copies: upper, async stop() {} };
  },
};

function unsupported(): never {
  throw new Error('a copy has nothing to look at');
}

export const plain: readonly Contender[] = [plainDirectory, cp, durableCopy];
