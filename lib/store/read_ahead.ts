// SPDX-License-Identifier: MIT
import type { ReadReport } from '../archive_binding.ts';
import { archiveCall } from './archive_error.ts';
import { CHUNK_SIZE } from './chunks.ts';

/** A piece of an archive, and how many entries were begun until its end. */
export interface Read {
  readonly chunk: Buffer;
  readonly entries: number;
}

/** What `read` gives, in a buffer of its own each time, until it gives nothing. */
export async function* reads(
  read: (into: Uint8Array) => Promise<ReadReport>,
  what: string,
): AsyncGenerator<Read, void, void> {
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);
    const { bytes, entries } = await archiveCall(read(buffer), what);
    if (bytes === 0) return;
    yield { chunk: buffer.subarray(0, bytes), entries };
  }
}

/**
 * What `source` gives, the next of it being made while one is used. If the end comes early it is waited for what is being made,
 * and then `source` is let go: afterwards nothing runs.
 */
export async function* oneAhead<T>(source: AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
  const start = (): Promise<IteratorResult<T, void>> => {
    const next = source.next();
    // It is waited for later; until then a failure is not an unhandled one.
    next.catch(() => {});
    return next;
  };
  let running = start();
  try {
    for (;;) {
      const { done, value } = await running;
      if (done === true) return;
      running = start();
      yield value;
    }
  } finally {
    await running.catch(() => {});
    await source.return();
  }
}
