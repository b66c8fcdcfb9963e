// SPDX-License-Identifier: MIT
import { readdir, readFile } from 'node:fs/promises';
import { basename, isAbsolute } from 'node:path';
import { type Branch, type BranchMode, resolveBranches } from '../options.ts';

/** A running FUSE server of ours and how it was started. */
export interface RunningServer {
  readonly pid: number;
  readonly args: readonly string[];
}

/**
 * The processes that serve the mount on `target` (a supervisor and a worker), as far as this user may see
 * their command lines.
 */
export async function findServers(target: string): Promise<RunningServer[]> {
  const servers: RunningServer[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const [program = '', ...args] = line.split('\0').slice(0, -1);
    if (basename(program).startsWith('node-aufs-fuse') && args.includes(target))
      servers.push({ pid: Number(pid), args });
  }
  return servers;
}

/**
 * The branch stack that the server of the mount on `target` was started with, as far as its command line
 * tells.
 */
export async function branchesOfServer(target: string): Promise<readonly Branch[] | undefined> {
  const [server] = await findServers(target);
  const specs = readBranchArguments(server?.args ?? []);
  // A server keeps to `/`, so what a relative path meant cannot be found out any more.
  if (specs.length === 0 || specs.some(({ path }) => !isAbsolute(path))) return undefined;
  return resolveBranches(specs.map(({ path, mode }) => ({ path, mode: mode as BranchMode })));
}

/** A branch as a command line names it. */
interface BranchWord {
  readonly path: string;
  readonly mode: string;
}

/**
 * Branches in the arguments of a server: `--branch PATH PERM`, and `br=` or `lowerdir=`, `upperdir=` after
 * `-o`.
 */
export function readBranchArguments(args: readonly string[]): BranchWord[] {
  const branches: BranchWord[] = [];
  const lowers: string[] = [];
  let upper: string | undefined;
  const readWord = (word: string): void => {
    const [, key = '', value = ''] = /^(br|dirs|lowerdir\+?|upperdir)[=:](.*)$/s.exec(word) ?? [];
    if (key === 'br' || key === 'dirs') branches.push(...splitEscaped(value, ':').map(readBranchWord));
    if (key.startsWith('lowerdir')) lowers.push(...splitEscaped(value, ':'));
    if (key === 'upperdir') upper = value;
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--branch') branches.push({ path: args[++i] ?? '', mode: args[++i] ?? 'ro' });
    else if (arg === '-o') splitEscaped(args[++i] ?? '', ',').forEach(readWord);
    else if (arg.startsWith('-o')) splitEscaped(arg.slice(2), ',').forEach(readWord);
  }
  if (upper !== undefined) branches.push({ path: unescaped(upper), mode: 'rw' });
  return [...branches, ...lowers.map((path) => ({ path: unescaped(path), mode: 'ro+wh' }))];
}

/** `PATH=PERM`; AUFS's default is `rw` for the first branch and `ro`, without whiteouts, for the others. */
function readBranchWord(word: string, index: number): BranchWord {
  const [, path = word, mode = index === 0 ? 'rw' : 'ro'] =
    /^(.*)=((?:rw|ro|rr)(?:\+\w+)*)$/s.exec(word) ?? [];
  // Other attributes that AUFS knows (`rw+nolwh`) mean nothing here.
  const [perm = 'ro', ...attributes] = mode.split('+');
  return { path: unescaped(path), mode: perm !== 'rw' && attributes.includes('wh') ? `${perm}+wh` : perm };
}

/** Splits where the separator has no backslash before it; escapes stay. */
function splitEscaped(text: string, separator: ',' | ':'): string[] {
  return text.match(separator === ',' ? /(?:\\.|[^\\,])+/gs : /(?:\\.|[^\\:])+/gs) ?? [];
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}
