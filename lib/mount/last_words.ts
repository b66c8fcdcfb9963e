// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream';

/** Reads what a server writes to stderr. @returns what gives the end of it, for messages. */
export function lastWords(errors: Readable | null): () => string {
  let text = '';
  errors?.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-4096);
  });
  return () => text.trim();
}
