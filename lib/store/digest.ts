// SPDX-License-Identifier: MIT
import { createHash, type Hash } from 'node:crypto';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for `sha256:` and 64 hexadecimal digits. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Adds up the digest of what comes bit by bit. */
export class Digester {
  readonly #hash: Hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** `sha256:…` of everything; once. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}
