// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What the numbers depend on. */
export function environment(): Record<string, string> {
  const version = (program: string, ...args: string[]): string => {
    try {
      return (
        execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' }).split('\n')[0] ??
        ''
      );
    } catch {
      return 'not installed';
    }
  };
  const { version: own } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    kernel: release(),
    processor: `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    node: process.version,
    'node-aufs': `${own}, commit ${version('git', 'rev-parse', '--short', 'HEAD')}`,
    'fuse-overlayfs': version('fuse-overlayfs', '--version'),
    'unionfs-fuse': version('unionfs', '--version'),
  };
}
