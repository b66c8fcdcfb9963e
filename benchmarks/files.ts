// SPDX-License-Identifier: MIT
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MiB = 1024 * 1024;

/** `count` names in directories of a hundred: `d00/f000`, … */
export function spread(count: number, stem = 'f'): string[] {
  return Array.from({ length: count }, (_, i) => {
    const directory = String(Math.floor(i / 100)).padStart(2, '0');
    return `d${directory}/${stem}${String(i).padStart(4, '0')}`;
  });
}

export function writeFiles(root: string, paths: readonly string[], size: number): void {
  const data = noise(size);
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), data);
  }
}

/** A file without holes, of whole MiB. */
export function writeBigFile(path: string, size: number): void {
  const fd = openSync(path, 'w');
  const chunk = noise(MiB);
  for (let at = 0; at < size; at += MiB) writeSync(fd, chunk, 0, MiB, at);
  closeSync(fd);
}

/** A file of `size` with 1 MiB of data at the start of each of `pieces` equal parts, and holes between. */
export function writeSparseFile(path: string, size: number, pieces: number): void {
  const fd = openSync(path, 'w');
  const chunk = noise(MiB);
  for (let piece = 0; piece < pieces; piece++)
    writeSync(fd, chunk, 0, MiB, Math.floor(size / pieces) * piece);
  writeSync(fd, chunk, 0, 1, size - 1);
  closeSync(fd);
}

/** The same bytes at every call, none of them compressible to nothing. */
function noise(size: number): Buffer {
  const data = Buffer.alloc(size);
  let state = 0x2545f491;
  for (let i = 0; i < size; i++) {
    state = Math.imul(state, 1664525) + 1013904223;
    data[i] = state >>> 24;
  }
  return data;
}
