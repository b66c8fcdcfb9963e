// SPDX-License-Identifier: MIT
// System calls of a running process, seen and made to fail by strace(1).
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** One system call of a process: the n-th of its name since it was looked at, n from 1. */
export interface SystemCall {
  readonly name: string;
  readonly occurrence: number;
  /** As strace prints it, for messages. */
  readonly text: string;
}

/** Those that carry requests, or that cannot fail for want of anything. */
const LEFT_OUT =
  'read,writev,close,futex,restart_syscall,getpid,gettid,mprotect,mmap,munmap,madvise,brk,rt_sigreturn,umask';

/** Why strace cannot be used here, if so. */
export function straceMissing(): string | undefined {
  if (spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0) return 'strace';
  const works = spawnSync('strace', ['-o', '/dev/null', '-e', 'trace=none', 'true'], { stdio: 'ignore' });
  return works.status === 0 ? undefined : 'the right to use ptrace(2)';
}

/** Runs `body` while `pid` is traced with these options of strace. */
export async function traced(
  pid: number,
  options: readonly string[],
  body: () => Promise<void>,
): Promise<void> {
  const strace = spawn('strace', ['-f', ...options, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  const ended = once(strace, 'close');
  try {
    for await (const line of createInterface({ input: strace.stderr })) if (line.includes('attached')) break;
    strace.stderr.resume();
    await body();
  } finally {
    strace.kill('SIGINT');
    await ended;
  }
}

/** The system calls that `pid` makes while `body` runs. `log` is a file to use. */
export async function systemCalls(
  pid: number,
  log: string,
  body: () => Promise<void>,
): Promise<SystemCall[]> {
  await traced(pid, ['-o', log, '-e', `trace=!${LEFT_OUT}`], body);
  const seen = new Map<string, number>();
  const calls: SystemCall[] = [];
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    const [, text = '', name = ''] = /^\d+ +((\w+)\(.*)$/.exec(line) ?? [];
    // strace(1) cannot make a call fail that it does not know the name of.
    if (name === '' || name.startsWith('syscall_0x') || text.includes('<unfinished')) continue;
    const occurrence = (seen.get(name) ?? 0) + 1;
    seen.set(name, occurrence);
    calls.push({ name, occurrence, text });
  }
  return calls;
}

/** Lets `call` fail with `code` while `body` runs. */
export function failing(pid: number, call: SystemCall, code: string, body: () => Promise<void>) {
  const { name, occurrence } = call;
  const inject = `inject=${name}:error=${code}:when=${occurrence}`;
  return traced(pid, ['-o', '/dev/null', '-e', `trace=${name}`, '-e', inject], body);
}
