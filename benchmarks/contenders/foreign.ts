// SPDX-License-Identifier: MIT
import { join, relative } from 'node:path';
import type { Contender, Running, Stack } from '../suite.ts';
import { DirectoryView } from './directory_view.ts';
import { ForeignServer, runTool, unmountTool } from './foreign_mount.ts';

/** Relative paths: mount(2) takes one page of options, which 128 absolute ones do not fit in. */
function lowerOptions({ lowers }: Stack, base: string, separator: string, mark = ''): string {
  return lowers.map((lower) => relative(base, lower) + mark).join(separator);
}

function running({ target, upper }: Stack, stop: () => Promise<unknown>, server = true): Running {
  return {
    view: new DirectoryView(target),
    copies: upper,
    ...(server ? { served: target } : {}),
    async stop() {
      await stop();
    },
  };
}

function base({ lowers }: Stack): string {
  return join(lowers[0] ?? '/', '..');
}

function overlayfs(name: string, extra: string): Contender {
  return {
    name,
    async start(stack) {
      if (process.getuid?.() !== 0) throw new Error('needs root');
      const cwd = base(stack);
      const lower = lowerOptions(stack, cwd, ':');
      const options = `lowerdir=${lower},upperdir=${stack.upper},workdir=${stack.work}${extra}`;
      await runTool('mount', ['-t', 'overlay', 'overlay', '-o', options, stack.target], cwd);
      return running(stack, () => unmountTool(stack.target), false);
    },
  };
}

const fuseOverlayfs: Contender = {
  name: 'fuse-overlayfs',
  async start(stack) {
    const cwd = base(stack);
    const lower = lowerOptions(stack, cwd, ':');
    const options = `lowerdir=${lower},upperdir=${stack.upper},workdir=${stack.work}`;
    const args = ['-f', '-o', options, stack.target];
    const where = { target: stack.target, cwd, debianPackage: 'fuse-overlayfs' };
    const server = await ForeignServer.start('fuse-overlayfs', args, where);
    return running(stack, () => server.stop());
  },
};

const unionfsFuse: Contender = {
  name: 'unionfs-fuse',
  async start(stack) {
    const cwd = base(stack);
    const branches = `${stack.upper}=RW:${lowerOptions(stack, cwd, ':', '=RO')}`;
    const args = ['-f', '-o', 'cow', branches, stack.target];
    const where = { target: stack.target, cwd, debianPackage: 'unionfs-fuse' };
    const server = await ForeignServer.start('unionfs', args, where);
    return running(stack, () => server.stop());
  },
};

/** What is in a read-only branch cannot be removed, but an open for writing gets the branch's own file. */
class WithoutCopyUp extends DirectoryView {
  override firstWrite(): void {
    throw new Error('has no copy_up: it would write to the file in the read-only branch');
  }
}

const mergerfs: Contender = {
  name: 'mergerfs',
  async start(stack) {
    const branches = [`${stack.upper}=RW`, ...stack.lowers.map((lower) => `${lower}=RO`)].join(':');
    const args = ['-f', '-o', 'category.create=ff,minfreespace=0,fsname=mergerfs', branches, stack.target];
    const where = { target: stack.target, cwd: base(stack), debianPackage: 'mergerfs' };
    const server = await ForeignServer.start('mergerfs', args, where);
    return { ...running(stack, () => server.stop()), view: new WithoutCopyUp(stack.target) };
  },
};

export const foreign: readonly Contender[] = [
  overlayfs('overlayfs', ''),
  overlayfs('overlayfs volatile', ',volatile'),
  fuseOverlayfs,
  unionfsFuse,
  mergerfs,
];
