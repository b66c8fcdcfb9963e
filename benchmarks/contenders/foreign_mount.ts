// SPDX-License-Identifier: MIT
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode } from '../../lib/errors.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** Runs a program to its end. @throws Error with what it said on stderr. */
export async function runTool(program: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    return (await run(program, args, { cwd })).stdout;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw new Error(`${program} is not installed`);
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new Error(said ? `${program}: ${said.split('\n')[0]}` : String(error));
  }
}

export function unmountTool(target: string): Promise<string> {
  return isRoot ? runTool('umount', [target]) : runTool('fusermount3', ['-u', target]);
}

/** A FUSE server of somebody else, kept in the foreground so that it can be waited for. */
export class ForeignServer {
  readonly #target: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(target: string, child: ChildProcess) {
    this.#target = target;
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#exited.catch(() => {});
  }

  /** Resolves when something is mounted on `target`. `debianPackage` is named if the program is missing. */
  static async start(
    program: string,
    args: readonly string[],
    { target, cwd, debianPackage }: { target: string; cwd: string; debianPackage: string },
  ): Promise<ForeignServer> {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, 2000);
    });
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = hasCode(error, 'ENOENT')
        ? new Error(`${program} is not installed (Debian package ${debianPackage})`)
        : error;
    });
    child.once('exit', () => {
      failure ??= new Error(`${program} ended: ${said.trim().split('\n').at(-1) ?? 'no message'}`);
    });
    const server = new ForeignServer(target, child);
    const deadline = Date.now() + 10_000;
    while (!isMounted(target)) {
      if (failure) throw failure;
      if (Date.now() > deadline) {
        await server.#kill();
        throw new Error(`${program} mounted nothing within 10 s`);
      }
      await sleep(2);
    }
    return server;
  }

  async stop(): Promise<void> {
    try {
      await unmountTool(this.#target);
      await Promise.race([this.#exited, sleep(5000, undefined, { ref: false })]);
    } finally {
      await this.#kill();
    }
  }

  async #kill(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

function isMounted(target: string): boolean {
  return statSync(target).dev !== statSync(dirname(target)).dev;
}
