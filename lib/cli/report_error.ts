// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** Tells of an error on stderr: a line for people, or one JSON object with the same facts for programs. */
export function reportError(error: unknown, terminal: Terminal, json: boolean): void {
  if (json) {
    terminal.stderr(`${JSON.stringify({ error: errorFacts(error) })}\n`);
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  terminal.stderr(`node-aufs: ${message}\n`);
  const unforeseen =
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  if (unforeseen && error.stack !== undefined) terminal.stderr(`${error.stack}\n`);
}

function errorFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, errno, syscall, path } = error as NodeJS.ErrnoException;
  const facts =
    error instanceof AufsError ? { ...error.details, hint: error.hint } : { errno, syscall, path };
  return { code, message: error.message, ...facts };
}
