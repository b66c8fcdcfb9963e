// SPDX-License-Identifier: MIT
import type { Writable } from 'node:stream';

/** Where a command writes: data to stdout, everything else to stderr. */
export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Standard output for bytes. */
  readonly output: Writable;
  readonly outputIsTerminal: boolean;
  /** Whether somebody looks at stderr as it is written, so that a line can be written over. */
  readonly interactive: boolean;
}

/** Writes to the process's own streams; a reader that went away (`| head`) is no error. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(0);
    });
  }
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    output: process.stdout,
    outputIsTerminal: process.stdout.isTTY === true,
    interactive: process.stderr.isTTY === true,
  };
}

/** Columns of text, each as wide as its widest cell, two blanks between; the last is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map(
      (row) =>
        `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}\n`,
    )
    .join('');
}

/** Bytes for people: `1.5 MiB`. */
export function humanBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A path on one line, whatever bytes are in it. */
export function printable(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return path.replace(/[\u0000-\u001f\u007f\\]/g, (char) =>
    char === '\\' ? '\\\\' : `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}
