// SPDX-License-Identifier: MIT
import type { ArchiveProgress } from '../store/index.ts';
import { humanBytes, type Terminal } from './terminal.ts';

/** A line that is written over and over. */
export interface ProgressLine {
  readonly update: (progress: ArchiveProgress) => void;
  /** Takes it away. */
  readonly clear: () => void;
}

const EVERY = 100;
const WIDTH = 20;

/**
 * Tells on stderr how far an archive is, if that is a terminal.
 *
 * @param total - Size of the source in bytes, where it is known.
 */
export function progressLine(terminal: Terminal, what: string, total?: number): ProgressLine {
  if (!terminal.interactive) return { update: () => {}, clear: () => {} };
  const begin = Date.now();
  let last = 0;
  let shown = false;
  return {
    update(progress) {
      const now = Date.now();
      if (now - last < EVERY) return;
      last = now;
      shown = true;
      terminal.stderr(`\r\x1b[K${describe(what, progress, total, (now - begin) / 1000)}`);
    },
    clear() {
      if (shown) terminal.stderr('\r\x1b[K');
    },
  };
}

/** `apply [####----] 42 %  120.0 MiB  5123 entries  80.0 MiB/s` */
export function describe(
  what: string,
  { bytes, entries, sourceBytes }: ArchiveProgress,
  total: number | undefined,
  seconds: number,
): string {
  const parts = [what];
  if (total !== undefined && total > 0) {
    const part = Math.min(1, sourceBytes / total);
    const filled = Math.round(part * WIDTH);
    parts.push(`[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${Math.floor(part * 100)} %`);
  }
  parts.push(humanBytes(bytes));
  if (entries > 0) parts.push(`${entries} entries`);
  if (seconds > 0) parts.push(`${humanBytes(Math.round(bytes / seconds))}/s`);
  return parts.join('  ');
}
