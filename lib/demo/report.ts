// SPDX-License-Identifier: MIT
import { inspect, isDeepStrictEqual } from 'node:util';

/** Prints the story of the demo and keeps count of what was not as expected. Colours only in a terminal. */
export class Report {
  #failed = 0;
  #passed = 0;
  readonly #signal: AbortSignal;
  readonly #colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

  /** When `signal` is aborted, the next step throws its reason. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get failed(): number {
    return this.#failed;
  }

  get passed(): number {
    return this.#passed;
  }

  heading(text: string): void {
    this.line();
    this.line(this.#paint('1', text));
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  /** Several lines, a little to the right. */
  block(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.line(`    ${line}`);
  }

  /** States what should be so; `saw` is what was seen, and is shown if it is not what was expected. */
  expect<T>(what: string, saw: T, expected: T): void {
    this.#signal.throwIfAborted();
    const same = isDeepStrictEqual(saw, expected);
    if (same) this.#passed++;
    else this.#failed++;
    this.line(`  ${same ? this.#paint('32', '✓') : this.#paint('31', '✗')} ${what}`);
    if (!same) this.block(`expected ${short(expected)}\nsaw      ${short(saw)}`);
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

function short(value: unknown): string {
  const text = inspect(value, { breakLength: Number.POSITIVE_INFINITY });
  return text.length > 300 ? `${text.slice(0, 300)} …` : text;
}
