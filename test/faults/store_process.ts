// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Durability } from '../../lib/store/index.ts';

const WORKER = fileURLToPath(new URL('store_worker.ts', import.meta.url));

/** A process that waits to do an operation. One thread makes all its system calls, so they come in one order. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(root: string, title: string, durability: Durability = 'layer') {
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };
    this.#child = spawn(process.execPath, ['--import=tsx', WORKER, root, title, durability], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env,
    });
    this.#child.stdin?.on('error', () => {}); // told by the answer, which does not come
    this.#ended = once(this.#child, 'exit');
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Waits for its next line. Undefined if it ended without one. */
  async hear(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  tell(): void {
    this.#child.stdin?.write('go\n');
  }

  async ended(): Promise<void> {
    await this.#ended;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
