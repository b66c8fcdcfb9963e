// SPDX-License-Identifier: MIT
import { basename } from 'node:path';
import { binding } from '../binding.ts';
import { native } from '../errors.ts';

/** A running FUSE server of ours and how it was started. */
export interface RunningServer {
  readonly pid: number;
  readonly args: readonly string[];
}

const PROGRAM = 'node-aufs-fuse';

/** The processes of all our servers, as far as this user may see their command lines. */
export async function listServers(): Promise<RunningServer[]> {
  const servers: RunningServer[] = [];
  for (const { pid, commandLine } of await native(binding().processesNamed(PROGRAM))) {
    const [program = '', ...args] = commandLine.split('\0').slice(0, -1);
    if (basename(program).startsWith(PROGRAM)) servers.push({ pid, args });
  }
  return servers;
}

/** Those of `servers` that were given the directory `path` as a branch, by itself or in a list (`-o br=PATH=ro:…`). */
export function serversWith(path: string, servers: readonly RunningServer[]): RunningServer[] {
  return servers.filter(({ args }) => args.some((word) => names(word, path)));
}

/** Whether a word has the path, and not only that of something beside it which begins so (`ID-init`). */
function names(word: string, path: string): boolean {
  for (let at = word.indexOf(path); at >= 0; at = word.indexOf(path, at + 1)) {
    if (!/^[\w.-]/.test(word.slice(at + path.length))) return true;
  }
  return false;
}

/** Those of `servers` that serve the mount on `target`: a supervisor and a worker. */
export function serversOf(target: string, servers: readonly RunningServer[]): RunningServer[] {
  return servers.filter(({ args }) => args.includes(target));
}
