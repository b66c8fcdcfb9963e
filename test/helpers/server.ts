// SPDX-License-Identifier: MIT
// Who serves a mount, and what is left of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { mountAt, readMounts } from '../../lib/mount/mountinfo.ts';
import type { Stage } from './stage.ts';

const OWNER = fileURLToPath(new URL('../lifecycle/owner.ts', import.meta.url));

/** Waits until something is so. @returns whether it came to be. */
export async function until(what: () => boolean | Promise<boolean>, ms = 5000): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await what()) return true;
  return false;
}

export async function mounted(target: string): Promise<boolean> {
  return mountAt(await readMounts(), target) !== undefined;
}

/** Processes whose command line has `text`, zombies left out. */
export function processes(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}

/** SIGKILL for all of them before any can see that another is gone. */
export function killAtOnce(pids: readonly number[]): void {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of pids) process.kill(pid, signal);
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** The two processes of a server: the supervisor, and the worker that it forked. */
export function serverOf(stage: Stage): { supervisor: number; worker: number } {
  const both = processes(stage.target).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node-aufs-fuse'),
  );
  const worker = both.find((pid) => both.includes(parentOf(pid))) as number;
  return { supervisor: parentOf(worker), worker };
}

/** True once there is neither the mount nor a process of it; `ms` is how long that may take. */
export async function nothingLeft(stage: Stage, ms?: number): Promise<boolean> {
  return until(async () => !(await mounted(stage.target)) && processes(stage.target).length === 0, ms);
}

/** Command line of a process that mounts the branches of `stage` and stays. */
export function ownerCommand(stage: Stage, ...words: string[]): string[] {
  return [process.execPath, '--import=tsx', OWNER, stage.target, ...stage.branches, ...words];
}

/** Another process that mounts the branches of `stage`, in a process group of its own; it goes with the test. */
export async function startOwner(t: ExecutionContext, stage: Stage): Promise<ChildProcess> {
  const [program = '', ...args] = ownerCommand(stage);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}
