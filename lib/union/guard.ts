// SPDX-License-Identifier: MIT
import type { UnionHandle } from '../binding.ts';
import { AufsError, type NativeFailure, native } from '../errors.ts';

/** Holds the native union until it is closed, and makes the errors of calls into it. */
export class UnionGuard {
  readonly #handle: UnionHandle;
  #closed = false;

  constructor(handle: UnionHandle) {
    this.#handle = handle;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws {AufsError} `ERR_UNION_CLOSED` once it is closed. */
  get handle(): UnionHandle {
    if (this.#closed)
      throw new AufsError('ERR_UNION_CLOSED', 'the union was closed', { hint: 'open it again' });
    return this.#handle;
  }

  /** Ends the use of the handle and gives it away for the last time; undefined if that happened before. */
  close(): UnionHandle | undefined {
    if (this.#closed) return undefined;
    this.#closed = true;
    return this.#handle;
  }

  /** Runs a native call and makes its failure a SystemError with the caller's stack. */
  async run<T>(call: (handle: UnionHandle) => Promise<T>, names?: Partial<NativeFailure>): Promise<T> {
    return native(call(this.handle), names);
  }
}
