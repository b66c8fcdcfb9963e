// SPDX-License-Identifier: MIT
import type { Duplex } from 'node:stream';

type Waiter = { readonly resolve: (line: unknown) => void; readonly reject: (error: Error) => void };
type Refable = Duplex & { ref?: () => unknown; unref?: () => unknown };

/** The other end hung up. Not for users: who asks makes of it what it means there. */
export class ServerGone extends Error {
  constructor() {
    super('the server closed its control socket');
  }
}

/**
 * Our side of the control socket of a server: a line out, a JSON line back, in order.
 * Keeps the event loop alive only while an answer is awaited.
 */
export class LineChannel {
  readonly #socket: Refable;
  readonly #waiters: Waiter[] = [];
  #pending = '';
  #closed = false;
  /** Settles, without an error, when the server's end is gone. */
  readonly closed: Promise<void>;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#closed = true;
        for (const waiter of this.#waiters.splice(0)) waiter.reject(new ServerGone());
        resolve();
      });
    });
    // 'close' follows and tells everybody; without a listener the process would end here.
    socket.on('error', () => {});
    socket.on('data', (text: string) => this.#receive(text));
  }

  /**
   * The next line that nobody awaits yet; without `command` nothing is sent. Rejects when the server goes
   * first.
   */
  request(command?: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new ServerGone());
        return;
      }
      this.#waiters.push({ resolve, reject });
      this.#socket.ref?.();
      if (command !== undefined) this.#socket.write(`${command}\n`);
    });
  }

  /** Lets the process end although the channel is open. */
  unref(): void {
    if (this.#waiters.length === 0) this.#socket.unref?.();
  }

  /** Hangs up: the server unmounts and exits. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#pending += text;
    const lines = this.#pending.split('\n');
    this.#pending = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      const waiter = this.#waiters.shift();
      if (waiter === undefined) continue;
      try {
        waiter.resolve(JSON.parse(line));
      } catch (cause) {
        waiter.reject(new Error(`not a line of JSON: ${line}`, { cause }));
      }
    }
    this.unref();
  }
}
