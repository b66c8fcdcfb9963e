// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('agent.py', import.meta.url));

/** One call, as data: see agent.py for what there is. */
export type Call = { readonly op: string } & { readonly [key: string]: string | number | boolean };

/** A process that makes system calls below a directory. It answers with JSON text, to be compared. */
export class Agent implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(root: string) {
    this.#child = spawn('python3', ['-B', PROGRAM, root], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.on('error', () => {}); // told by the next answer, which does not come
    if (!this.#child.stdout) throw new Error('no pipe from the agent');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** One at a time. */
  async run(call: Call): Promise<string> {
    this.#child.stdin?.write(`${JSON.stringify(call)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the agent ended at ${JSON.stringify(call)}`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
