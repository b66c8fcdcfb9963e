// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Answer, Op } from './recording.ts';

const AGENT = fileURLToPath(new URL('agent.py', import.meta.url));

/** The process that does the operations of one scenario. */
export class AgentProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(base: string, mountpoint: string, branches: readonly string[]) {
    this.#child = spawn('python3', ['-B', AGENT, base, mountpoint, ...branches], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    if (!this.#child.stdout) throw new Error('no pipe from the agent');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** One at a time. */
  async run(op: Op): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(op)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the agent ended at ${JSON.stringify(op)}`);
    const answer = JSON.parse(value) as Answer & { fault?: string };
    if (answer.fault !== undefined) throw new Error(`${JSON.stringify(op)}: ${answer.fault}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
