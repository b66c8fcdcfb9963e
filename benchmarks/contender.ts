// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mount } from '../lib/mount.ts';
import { Union } from '../lib/union.ts';

/** Where a contender works: everything on one file system. */
export interface Workplace {
  /** Empty; the writable branch. */
  readonly upper: string;
  /** Topmost first. */
  readonly lowers: readonly string[];
  /** Empty; the mountpoint. */
  readonly target: string;
}

/** What a case is run against: a directory, or, for the engine in process, a union. */
export interface Running {
  readonly path: string;
  readonly union?: Union;
  stop(): Promise<void>;
}

/** Something that shows a stack as one tree. */
export interface Contender {
  readonly name: string;
  /** Why it cannot run here, if so. */
  missing(): string | undefined;
  start(at: Workplace): Promise<Running>;
}

const isRoot = process.getuid?.() === 0;
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const needsRoot = () => (isRoot ? undefined : 'needs root');
const run = (program: string, ...args: string[]) =>
  void execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });

function canUseFuse(): string | undefined {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return 'needs /dev/fuse';
  }
}

function unmounting(path: string, ...command: string[]): Running {
  return { path, stop: async () => run(command[0] ?? 'umount', ...command.slice(1), path) };
}

/** A directory that nothing is stacked on: the file system's own speed. Its content is the lowest branch, writable. */
const plain: Contender = {
  name: 'plain directory',
  missing: () => undefined,
  start: async ({ lowers }) => ({ path: lowers.at(-1) as string, stop: async () => {} }),
};

function overlay(name: string, option: string): Contender {
  return {
    name,
    missing: needsRoot,
    async start({ upper, lowers, target }) {
      const work = `${upper}-work`;
      mkdirSync(work, { recursive: true });
      // Paths relative to their directory: 128 absolute ones would not fit into mount(2)'s page.
      const base = join(upper, '..');
      const below = lowers.map((path) => path.slice(base.length + 1)).join(':');
      const options = `lowerdir=${below},upperdir=${upper},workdir=${work}${option}`;
      execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', target], {
        cwd: base,
        stdio: 'pipe',
      });
      return unmounting(target, 'umount');
    },
  };
}

const fuseOverlayfs: Contender = {
  name: 'fuse-overlayfs',
  missing: () =>
    canUseFuse() ?? (has('fuse-overlayfs') ? undefined : 'package fuse-overlayfs is not installed'),
  async start({ upper, lowers, target }) {
    const work = `${upper}-work`;
    mkdirSync(work, { recursive: true });
    run('fuse-overlayfs', '-o', `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`, target);
    return unmounting(target, 'fusermount3', '-u');
  },
};

const unionfsFuse: Contender = {
  name: 'unionfs-fuse',
  missing: () => canUseFuse() ?? (has('unionfs') ? undefined : 'package unionfs-fuse is not installed'),
  async start({ upper, lowers, target }) {
    run('unionfs', '-o', 'cow', [`${upper}=RW`, ...lowers.map((path) => `${path}=RO`)].join(':'), target);
    return unmounting(target, 'fusermount3', '-u');
  },
};

function ours(name: string, volatile: boolean): Contender {
  return {
    name,
    missing: canUseFuse,
    async start({ upper, lowers, target }) {
      const mounted = await mount(target, { branches: [upper, ...lowers], volatile });
      return { path: target, stop: () => mounted.unmount() };
    },
  };
}

function inProcess(name: string, volatile: boolean): Contender {
  return {
    name,
    missing: () => undefined,
    async start({ upper, lowers, target }) {
      const union = await Union.open({ branches: [upper, ...lowers], volatile });
      return { path: target, union, stop: () => union.close() };
    },
  };
}

/** All contenders; the names are used in tables and between processes. */
export const CONTENDERS: readonly Contender[] = [
  plain,
  overlay('overlayfs', ''),
  overlay('overlayfs volatile', ',volatile'),
  fuseOverlayfs,
  unionfsFuse,
  ours('node-aufs mount', false),
  ours('node-aufs mount volatile', true),
  inProcess('node-aufs Union', false),
  inProcess('node-aufs Union volatile', true),
];
