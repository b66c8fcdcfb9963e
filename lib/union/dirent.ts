// SPDX-License-Identifier: MIT
import { Buffer } from 'node:buffer';

/** `DT_*` of readdir(3). */
const TYPE = { fifo: 1, char: 2, directory: 4, block: 6, file: 8, symlink: 10, socket: 12 } as const;

/** An entry of a directory of a union, shaped like `fs.Dirent`. */
export class Dirent<Name extends string | Buffer = string> {
  readonly name: Name;
  /** The directory, as it was asked for. */
  readonly parentPath: string;
  readonly #type: number;

  /** @internal */
  constructor(name: Name, parentPath: string, type: number) {
    this.name = name;
    this.parentPath = parentPath;
    this.#type = type;
  }

  isFile(): boolean {
    return this.#type === TYPE.file;
  }
  isDirectory(): boolean {
    return this.#type === TYPE.directory;
  }
  isSymbolicLink(): boolean {
    return this.#type === TYPE.symlink;
  }
  isFIFO(): boolean {
    return this.#type === TYPE.fifo;
  }
  isSocket(): boolean {
    return this.#type === TYPE.socket;
  }
  isCharacterDevice(): boolean {
    return this.#type === TYPE.char;
  }
  isBlockDevice(): boolean {
    return this.#type === TYPE.block;
  }
}

/** One entry of what native code packs: each a `DT_*` byte, the name's bytes, NUL. */
export interface PackedEntry {
  readonly type: number;
  readonly name: Buffer;
}

/** Takes a packed listing apart. */
export function unpackEntries(packed: Buffer): PackedEntry[] {
  const entries: PackedEntry[] = [];
  for (let at = 0; at < packed.length; ) {
    const end = packed.indexOf(0, at + 1);
    entries.push({ type: packed[at] ?? 0, name: packed.subarray(at + 1, end) });
    at = end + 1;
  }
  return entries;
}

/** Takes NUL-ended names apart. */
export function unpackNames(packed: Buffer): string[] {
  return packed
    .toString('utf8')
    .split('\0')
    .filter((name) => name !== '');
}

/** Puts a name behind a directory, keeping bytes that are no UTF-8. */
export function joinPath(directory: string | Uint8Array, name: string | Uint8Array): string | Buffer {
  if (typeof directory === 'string' && typeof name === 'string') {
    return directory === '' || directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
  }
  const [head, tail] = [Buffer.from(directory as Uint8Array), Buffer.from(name as Uint8Array)];
  return Buffer.concat(
    head.length === 0 || head.at(-1) === 0x2f ? [head, tail] : [head, Buffer.from('/'), tail],
  );
}
