// SPDX-License-Identifier: MIT
// One operation with a store in a process of its own, of which a system call is the last or fails; and what the store is then.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binding } from '../../lib/binding.ts';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { unmount } from '../../lib/mount.ts';
import { openStore, type Store } from '../../lib/store/index.ts';
import { processes, until } from '../helpers/server.ts';
import { run } from '../helpers/stage.ts';
import { describe, difference } from './store_facts.ts';
import { makeStore, type StoreOperation } from './store_operations.ts';
import { Worker } from './store_process.ts';
import { type SystemCall, traced } from './strace.ts';

/** What a trial ended with: the worker's last line, if it came to that, and what is wrong with the store. */
export interface Outcome {
  readonly said: string | undefined;
  readonly wrong: string | undefined;
}

/** Stores of one operation. */
export class StoreTrial {
  readonly #root: string;
  readonly #template: string;
  readonly #operation: StoreOperation;
  #next: Worker | undefined;
  #before = '';
  #after = '';

  private constructor(directory: string, operation: StoreOperation) {
    this.#root = join(directory, 'store');
    this.#template = join(directory, 'template');
    this.#operation = operation;
  }

  /** `directory` is empty. */
  static async create(directory: string, operation: StoreOperation): Promise<StoreTrial> {
    const trial = new StoreTrial(directory, operation);
    await makeStore(trial.#template);
    await run('cp', ['-a', `${trial.#template}.source`, `${trial.#root}.source`]);
    await operation.spoil?.(trial.#template);
    return trial;
  }

  /** Does it undisturbed, and finds the system calls of the kinds `names`. */
  async rehearse(names: string, log: string): Promise<SystemCall[]> {
    await this.#renew();
    this.#before = await describe(await openStore(this.#root));
    const { said } = await this.#run(['-o', log, '-e', `trace=${names}`]);
    if (said !== 'done') throw new Error(`${this.#operation.title}: ${said}`);
    this.#after = await describe(await this.#settled());
    if (this.#after.includes('check: ')) throw new Error(`${this.#operation.title}: ${this.#after}`);
    return callsOf(await readFile(log, 'utf8'));
  }

  /** Does it traced with these options of strace; gives what is wrong afterwards. */
  async disturbed(options: readonly string[]): Promise<Outcome> {
    const { said } = await this.#run(['-o', '/dev/null', ...options]);
    return { said, wrong: await this.#judge(said) };
  }

  /** Whatever happened, nothing stays. */
  async end(): Promise<void> {
    await this.#next?.end();
    this.#next = undefined;
    for (const { target } of await readMounts()) {
      if (target.startsWith(`${this.#root}/`)) await unmount(target, { lazy: true }).catch(() => {});
    }
  }

  async #renew(): Promise<void> {
    await binding().removeTree(this.#root);
    await run('cp', ['-a', this.#template, this.#root]);
  }

  #worker(): Worker {
    return new Worker(this.#root, this.#operation.title);
  }

  async #run(options: readonly string[]): Promise<{ said: string | undefined }> {
    const worker = this.#next ?? this.#worker();
    this.#next = worker;
    await worker.hear();
    await this.#renew();
    worker.tell();
    await worker.hear();
    let said: string | undefined;
    await traced(worker.pid, options, async () => {
      worker.tell();
      said = await worker.hear();
      await worker.ended();
    });
    // The next one loads while this one is judged.
    this.#next = this.#worker();
    return { said };
  }

  /** The store, opened, once nothing is mounted and nobody serves any more. */
  async #settled(): Promise<Store> {
    // A server that was just being started when its starter was killed can come up after a first look.
    if (this.#operation.mounts === true) {
      await this.#quiet();
      await sleep(200);
    }
    return this.#quiet();
  }

  async #quiet(): Promise<Store> {
    let store: Store | undefined;
    const settled = await until(async () => {
      store = await openStore(this.#root);
      await store.graphDriver().cleanup();
      const mounted = (await readMounts()).some(({ target }) => target.startsWith(`${this.#root}/`));
      return !mounted && servers(this.#root).length === 0;
    });
    if (!settled) throw new Error(`still mounted or served: ${servers(this.#root).join()}`);
    return store as Store;
  }

  async #judge(said: string | undefined): Promise<string | undefined> {
    let store: Store;
    try {
      store = await this.#settled();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const done = said === 'done';
    const now = await describe(store);
    if (!done && said !== undefined && this.#operation.makes === true && now === this.#after)
      return `refused with ${said}, but done`;
    if (now !== this.#after && (done || now !== this.#before)) {
      return `neither as before (${difference(this.#before, now)}) nor as after (${difference(this.#after, now)})`;
    }
    if (now === this.#before && now !== this.#after) return this.#again(store);
    return undefined;
  }

  /** What was not done can be done now. */
  async #again(store: Store): Promise<string | undefined> {
    await this.#operation.act(store, this.#root);
    const now = await describe(await this.#settled());
    return now === this.#after ? undefined : `done again: ${difference(this.#after, now)}`;
  }
}

function servers(root: string): number[] {
  return processes(`${root}/mnt/`);
}

/** Those of a log of strace that change something; each name and number once, whichever thread made it. */
function callsOf(log: string): SystemCall[] {
  const seen = new Map<string, number>();
  const calls = new Map<string, SystemCall>();
  for (const line of log.split('\n')) {
    const [, thread, text = '', name = ''] = /^(\d+) +((\w+)\(.*)$/.exec(line) ?? [];
    if (name === '') continue;
    const occurrence = (seen.get(`${thread} ${name}`) ?? 0) + 1;
    seen.set(`${thread} ${name}`, occurrence);
    // Of the event loop itself: it wakes a thread, or tells an answer.
    if (/^write\(\d+, "\\1(\\0)+"|^write\(1,|^open\w*\((?!.*O_CREAT|.*O_TMPFILE)/.test(text)) continue;
    const key = `${name} ${occurrence}`;
    if (!calls.has(key)) calls.set(key, { name, occurrence, text });
  }
  return [...calls.values()];
}
