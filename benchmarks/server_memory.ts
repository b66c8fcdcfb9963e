// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs';
import type { Running } from './suite.ts';

/**
 * Bytes of memory that the processes serving a mount hold: of pages that several processes share, each one's part (PSS), so that
 * a server of two processes is not counted twice.
 *
 * @throws Error if nobody serves it: what the kernel itself holds cannot be told apart.
 */
export function serverMemory({ served }: Running): number {
  if (served === undefined) throw new Error('there is no server');
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isServer(name, served));
  if (processes.length === 0) throw new Error(`no process serves ${served}`);
  return processes.reduce((sum, id) => sum + proportionalSet(id), 0);
}

function isServer(id: string, target: string): boolean {
  return id !== String(process.pid) && (read(`/proc/${id}/cmdline`)?.split('\0').includes(target) ?? false);
}

function proportionalSet(id: string): number {
  const found = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${id}/smaps_rollup`) ?? '');
  return Number(found?.[1] ?? 0) * 1024;
}

/** Undefined if the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
