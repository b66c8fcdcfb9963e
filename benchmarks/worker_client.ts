// SPDX-License-Identifier: MIT
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
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
  /** Milliseconds that its rounds have taken, with what is not timed in them; of the last one. */
  spent = 0;
  lastRound = 0;
  #last: Sample | undefined;
  readonly #target: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #killed = false;

  constructor(job: Job) {
    this.contender = job.contender;
    this.#target = join(job.directory, 'target');
    mkdirSync(job.directory, { recursive: true });
    this.#child = fork(WORKER, [JSON.stringify(job)], { execArgv: ['--import=tsx'] });
    this.#exited = once(this.#child, 'exit');
  }

  /** Resolves when the process has started, so that it does not disturb the rounds of others. */
  async ready(): Promise<void> {
    const { failure } = await this.#ask(undefined);
    this.failure = failure;
  }

  /** One round; its sample is kept if `keep`, or later by {@link keepLast}. */
  async round(keep: boolean): Promise<void> {
    if (this.failure !== undefined) return;
    const begin = performance.now();
    const { sample, failure } = await this.#ask('round');
    this.lastRound = performance.now() - begin;
    this.spent += this.lastRound;
    this.failure = failure?.split('\n')[0];
    this.#last = sample;
    if (keep) this.keepLast();
  }

  /** Counts the last round, if it is not counted yet. */
  keepLast(): void {
    if (this.#last !== undefined) this.samples.push(this.#last);
    this.#last = undefined;
  }

  /** Nothing of it is left afterwards. */
  async end(): Promise<void> {
    if (this.#child.connected) {
      const { failure } = await this.#ask('end');
      if (failure !== undefined) process.stderr.write(`cleaning up after ${this.contender}: ${failure}\n`);
      if (this.#child.connected) this.#child.disconnect();
    }
    await this.#exited;
    // A process that was killed leaves its mount, which nobody may answer for any more.
    if (this.#killed) spawnSync('umount', ['--force', '--lazy', this.#target], { stdio: 'ignore' });
  }

  async #ask(request: Request | undefined): Promise<Reply> {
    if (!this.#child.connected) return { failure: 'its process ended' };
    const abort = new AbortController();
    const { signal } = abort;
    const timer = setTimeout(() => {
      this.#killed = true;
      this.#child.kill('SIGKILL');
    }, TIMEOUT);
    try {
      if (request !== undefined) this.#child.send(request, () => {});
      return await Promise.race([
        once(this.#child, 'message', { signal }).then(([reply]) => reply as Reply),
        this.#exited.then((): Reply => ({ failure: this.#ended(request) })),
      ]);
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }

  #ended(request: Request | undefined): string {
    if (this.#killed) return `hung: no answer within ${TIMEOUT / 1000} s`;
    return `its process ended during the ${request ?? 'start'}`;
  }
}
