// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
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

function unsupported(): never {
  throw new Error('cp can only copy');
}

export const plain: readonly Contender[] = [plainDirectory, cp];
