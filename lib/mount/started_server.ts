// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { binding } from '../binding.ts';
import { native } from '../errors.ts';
import { lastWords } from './last_words.ts';
import { unstartable } from './server_failure.ts';

/** Looks without a pause in between once its socket is closed: the process ends right after that. */
const AT_ONCE = 20;
/** The longest pause between looks, in milliseconds. */
const PAUSE = 50;
/** How long last words may take, in milliseconds. */
const LAST_WORDS = 100;

/**
 * The process of a server, started by native code: Node's own spawn() copies the page tables of this process with all threads of it
 * waiting, which takes tens of milliseconds where the heap is large.
 */
export class StartedServer {
  readonly control: Socket;
  readonly #pid: number;
  readonly #errors: Socket;
  readonly #stderr: () => string;
  readonly #closed: Promise<unknown>;
  #how: string | undefined;

  private constructor(pid: number, control: number, errors: number) {
    this.#pid = pid;
    this.control = new Socket({ fd: control, readable: true, writable: true });
    this.#errors = new Socket({ fd: errors, readable: true, writable: false });
    this.#errors.on('error', () => {});
    this.#stderr = lastWords(this.#errors);
    this.#closed = new Promise((resolve) => this.control.once('close', resolve));
    // Nobody may ask how it ended, but somebody has to take notice.
    void this.#closed.then(() => this.#end(false));
  }

  /** @throws {AufsError} `ERR_SERVER_NOT_FOUND`, `ERR_SERVER_FAILED`. */
  static async start(program: string, args: readonly string[]): Promise<StartedServer> {
    const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    const started = await native(binding().startProgram(program, args, environment), { path: program }).catch(
      (cause: unknown) => {
        throw unstartable(program, cause);
      },
    );
    return new StartedServer(started.pid, started.control, started.errors);
  }

  /** What it wrote to stderr, its end. */
  get stderr(): string {
    return this.#stderr();
  }

  /** Waits until it has ended and its last words are read, and says how: `exit code 1`, `SIGKILL`. */
  async ended(): Promise<string> {
    const how = await this.#end(true);
    // Whoever it has left behind may keep it open.
    if (!this.#errors.closed) await within(LAST_WORDS, once(this.#errors, 'close'), true);
    return how;
  }

  /** Lets this process end although it runs. */
  unref(): void {
    this.#errors.unref();
  }

  /** @param ref - Whether waiting keeps the event loop alive. */
  async #end(ref: boolean): Promise<string> {
    for (let look = 0; ; ) {
      this.#how ??= howItEnded(this.#pid);
      if (this.#how !== undefined) return this.#how;
      if (!this.control.closed) await within(PAUSE, this.#closed, ref);
      else if (look++ < AT_ONCE) await setImmediate(undefined, { ref });
      else await setTimeout(Math.min(2 ** (look - AT_ONCE), PAUSE), undefined, { ref });
    }
  }
}

/** Waits for `what`, but not longer than `ms` milliseconds. */
async function within(ms: number, what: Promise<unknown>, ref: boolean): Promise<void> {
  const stop = new AbortController();
  await Promise.race([what, setTimeout(ms, undefined, { ref, signal: stop.signal })]);
  stop.abort();
}

function howItEnded(pid: number): string | undefined {
  try {
    const end = binding().endOf(pid);
    if (end === null) return undefined;
    return end.signal === 0 ? `exit code ${end.code}` : signalName(end.signal);
  } catch {
    // ECHILD.
    return 'in a way that somebody else was told';
  }
}

function signalName(signal: number): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  return name ?? `signal ${signal}`;
}
