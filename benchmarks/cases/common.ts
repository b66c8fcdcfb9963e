// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Fixture, Group, View } from '../suite.ts';

/** Everybody that is mounted, against kernel overlayfs. */
export const mounted: Group = {
  title: '',
  baseline: 'overlayfs',
  contenders: [
    'overlayfs',
    'plain directory',
    'fuse-overlayfs',
    'unionfs-fuse',
    'mergerfs',
    'node-aufs mount',
    'node-aufs mount, chain index',
  ],
};

/** A fixture of one branch. */
export function singleBranch(name: string, write: (branch: string) => void): Fixture {
  return {
    name,
    async build(directory) {
      const branch = join(directory, 'lower');
      mkdirSync(branch);
      write(branch);
      return [branch];
    },
  };
}

/** @throws Error if the contender is not mounted: a mistake in a case. */
export function rootOf({ root }: View): string {
  if (root === undefined) throw new Error('it is not mounted');
  return root;
}

/** Runs a shell script with $0 being the root of the union. @throws Error with what it said, if it fails. */
export function shell(view: View, script: string, environment: NodeJS.ProcessEnv = {}): void {
  const root = rootOf(view);
  const options = { encoding: 'utf8', env: { ...process.env, ...environment } } as const;
  const { status, stderr, error } = spawnSync('sh', ['-ec', script, root], options);
  if (error) throw error;
  if (status !== 0) throw new Error(stderr.trim().split('\n')[0] || `the program gave ${status}`);
}

/** Runs a program while a fixture is made. */
export function tool(cwd: string, program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
}
