// SPDX-License-Identifier: MIT
// The process of one case x contender. Its parent says when a round is due; between rounds it waits, so that rounds of
// all contenders interleave. If the parent goes away, it takes down what it has set up and ends.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contender } from './contenders/index.ts';
import { serverMemory } from './server_memory.ts';
import type { Case, Contender, Running, Sample, Stack } from './suite.ts';
import { suites } from './suites.ts';
import type { Job, Reply, Request } from './worker_protocol.ts';

class Worker {
  readonly #case: Case;
  readonly #contender: Contender;
  readonly #stack: Stack;
  readonly #directory: string;
  readonly #device: string | undefined;
  #running: Running | undefined;

  constructor(job: Job) {
    const suite = suites.find(({ name }) => name === job.suite);
    const found = suite?.cases(job.settings).find(({ id }) => id === job.id);
    if (found === undefined) throw new RangeError(`no case '${job.id}' in '${job.suite}'`);
    this.#case = found;
    this.#contender = contender(job.contender);
    this.#directory = job.directory;
    this.#device = job.device;
    const at = (name: string) => join(job.directory, name);
    this.#stack = {
      lowers: job.lowers,
      upper: at('upper'),
      work: at('work'),
      target: at('target'),
      scratch: at('scratch'),
    };
    for (const name of ['target', 'scratch']) mkdirSync(at(name), { recursive: true });
  }

  async round(): Promise<Sample> {
    const { fresh, cold, measure } = this.#case;
    if (fresh) await this.stop();
    if (measure === 'mount') return this.#mountRound();
    if (this.#running === undefined) await this.#start();
    const running = this.#running as unknown as Running;
    await this.#case.before?.(running.view);
    spawnSync('sync', ['-f', this.#directory]);
    if (cold) dropCaches();
    const flushesBefore = this.#flushes();
    const begin = process.hrtime.bigint();
    await this.#case.run(running.view);
    const nanoseconds = Number(process.hrtime.bigint() - begin);
    const flushes = flushesBefore === undefined ? undefined : (this.#flushes() ?? 0) - flushesBefore;
    const value = measure === 'memory' ? serverMemory(running) : nanoseconds;
    await this.#case.after?.(running.view);
    if (running.copies === undefined) return { value, flushes, copies: false };
    this.#case.verify?.(running.copies);
    const stored = this.#case.stored?.(running.copies);
    // Not at the beginning of the next round: the others should not have our dirty pages and our space used.
    if (fresh) await this.stop();
    return { value, flushes, copies: true, stored };
  }

  /** What it takes to set the union up, do the case's work and take it down. */
  async #mountRound(): Promise<Sample> {
    this.#makeDirectories();
    const begin = process.hrtime.bigint();
    this.#running = await this.#contender.start(this.#stack);
    await this.#case.run(this.#running.view);
    await this.#running.stop();
    const value = Number(process.hrtime.bigint() - begin);
    this.#running = undefined;
    return { value, copies: false };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.stop();
    for (const path of [this.#stack.upper, this.#stack.work]) rmSync(path, { recursive: true, force: true });
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** See the kernel's Documentation/block/stat.rst. */
  #flushes(): number | undefined {
    if (this.#device === undefined) return undefined;
    const fields = readFileSync(`/sys/block/${this.#device}/stat`, 'utf8').trim().split(/\s+/);
    return fields[15] === undefined ? undefined : Number(fields[15]);
  }

  async #start(): Promise<void> {
    this.#makeDirectories();
    this.#running = await this.#contender.start(this.#stack);
    await this.#case.warm?.(this.#running.view);
  }

  #makeDirectories(): void {
    for (const path of [this.#stack.upper, this.#stack.work]) mkdirSync(path, { recursive: true });
    spawnSync('sync', ['-f', this.#directory]);
  }
}

function dropCaches(): void {
  if (process.getuid?.() !== 0) return;
  spawnSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

function reply(message: Reply): void {
  process.send?.(message);
}

const worker = new Worker(JSON.parse(process.argv[2] ?? '') as Job);

process.on('message', (request: Request) => {
  const work = request === 'round' ? worker.round() : worker.end();
  work.then(
    (sample) => reply({ sample: sample ?? undefined }),
    async (error: unknown) => {
      // The others go on: they should find the space free and nothing of ours mounted.
      await worker.stop().catch(() => {});
      reply({ failure: error instanceof Error ? error.message : String(error) });
    },
  );
});
process.on('disconnect', () => {
  const exit = () => process.exit();
  worker.end().then(exit, exit);
});
// Whoever interrupts the group means the parent, which then disconnects.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
reply({});
