// SPDX-License-Identifier: MIT
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Sample } from './suite.ts';
import type { Job, Reply, Request } from './worker_protocol.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A round that takes longer than this is hung: 1 GiB on a slow disk takes a few seconds. */
const TIMEOUT = 120_000;

/** The parent's end of a worker process. After the first failure it is not asked again. */
export class WorkerClient {
  readonly contender: string;
  readonly samples: Sample[] = [];
  failure: string | undefined;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(job: Job) {
    this.contender = job.contender;
    mkdirSync(job.directory, { recursive: true });
    this.#child = fork(WORKER, [JSON.stringify(job)], { execArgv: ['--import=tsx'] });
    this.#exited = once(this.#child, 'exit');
  }

  /** Resolves when the process has started, so that it does not disturb the rounds of others. */
  async ready(): Promise<void> {
    const { failure } = await this.#ask(undefined);
    this.failure = failure;
  }

  /** One round; its sample is kept if `keep`. */
  async round(keep: boolean): Promise<void> {
    if (this.failure !== undefined) return;
    const { sample, failure } = await this.#ask('round');
    this.failure = failure?.split('\n')[0];
    if (sample !== undefined && keep) this.samples.push(sample);
  }

  /** Nothing of it is left afterwards. */
  async end(): Promise<void> {
    if (this.#child.connected) {
      const { failure } = await this.#ask('end');
      if (failure !== undefined) process.stderr.write(`cleaning up after ${this.contender}: ${failure}\n`);
      if (this.#child.connected) this.#child.disconnect();
    }
    await this.#exited;
  }

  async #ask(request: Request | undefined): Promise<Reply> {
    if (!this.#child.connected) return { failure: 'its process ended' };
    const abort = new AbortController();
    const { signal } = abort;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), TIMEOUT);
    try {
      if (request !== undefined) this.#child.send(request, () => {});
      return await Promise.race([
        once(this.#child, 'message', { signal }).then(([reply]) => reply as Reply),
        this.#exited.then((): Reply => ({ failure: `its process ended during the ${request ?? 'start'}` })),
      ]);
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}
