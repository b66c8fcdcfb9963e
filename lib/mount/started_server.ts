// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { binding } from '../binding.ts';
import { isNativeFailure, native } from '../errors.ts';
import { lastWords } from './last_words.ts';
import { unstartable } from './server_failure.ts';

/** Looks without a pause in between: a process ends right after its sockets are closed. */
const AT_ONCE = 20;
/** The longest pause later on, in milliseconds. */
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
  #how: string | undefined;

  private constructor(pid: number, control: number, errors: number) {
    this.#pid = pid;
    this.control = new Socket({ fd: control, readable: true, writable: true });
    this.#errors = new Socket({ fd: errors, readable: true, writable: false });
    this.#errors.on('error', () => {});
    this.#stderr = lastWords(this.#errors);
    // Nobody may ask how it ended, but somebody has to take notice.
    this.control.once('close', () => void this.#end(false));
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
    if (!this.#errors.closed) await Promise.race([once(this.#errors, 'close'), setTimeout(LAST_WORDS)]);
    return how;
  }

  /** Lets this process end although it runs. */
  unref(): void {
    this.#errors.unref();
  }

  /** @param ref - Whether waiting keeps the event loop alive. */
  async #end(ref: boolean): Promise<string> {
    for (let look = 0; ; look++) {
      this.#how ??= howItEnded(this.#pid);
      if (this.#how !== undefined) return this.#how;
      if (look < AT_ONCE) await setImmediate(undefined, { ref });
      else await setTimeout(Math.min(2 ** (look - AT_ONCE), PAUSE), undefined, { ref });
    }
  }
}

function howItEnded(pid: number): string | undefined {
  try {
    const end = binding().endOf(pid);
    if (end === null) return undefined;
    return end.signal === 0 ? `exit code ${end.code}` : signalName(end.signal);
  } catch (error) {
    if (isNativeFailure(error) && Math.abs(error.errno) === constants.errno.ECHILD)
      return 'an end that somebody else was told of';
    throw error;
  }
}

function signalName(signal: number): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  return name ?? `signal ${signal}`;
}
