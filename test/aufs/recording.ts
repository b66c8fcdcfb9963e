// SPDX-License-Identifier: MIT
// What a file of scenarios/ holds: what was done on a real AUFS and what it answered. Written by whoever recorded
// it; see README.md beside this file.
import { readdirSync, readFileSync } from 'node:fs';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface RecordedBranch {
  readonly name: string;
  readonly perm: string;
  /** `tmpfs:SIZE[,OPTION…]` or `ext4:SIZE`; without it, that of the temporary directory. */
  readonly fs?: string;
}

/** An operation; the keys besides these depend on what it is. */
export interface Op {
  readonly op: string;
  readonly path?: string;
  readonly ops?: readonly Op[];
  readonly asuid?: number;
  readonly [key: string]: Json | readonly Op[] | undefined;
}

/** What an operation answered: `errno` is null where it succeeded. */
export interface Answer {
  readonly errno: string | null;
  readonly ret?: Json | undefined;
}

/** An entry of a tree. */
export interface Entry {
  readonly path: string;
  /** Instead of everything else, where it could not even be looked at. */
  readonly err?: string;
  readonly [key: string]: Json | undefined;
}

export interface Recording {
  readonly id: string;
  readonly title: string;
  readonly class: 'core' | 'branches' | 'environment';
  readonly scenario: {
    readonly branches: readonly RecordedBranch[];
    readonly extra_branches?: readonly RecordedBranch[];
    /** Mount options besides the branches; without it Docker's. */
    readonly opts?: string;
    readonly setup: readonly Json[];
    readonly ops: readonly Op[];
    readonly no_mount?: boolean;
  };
  readonly ops: readonly Answer[];
  readonly merged?: readonly Entry[];
  readonly raw: { readonly [branch: string]: readonly Entry[] };
}

const directory = new URL('scenarios/', import.meta.url);

/** All of them, in the order of their numbers. */
export const recordings: readonly Recording[] = readdirSync(directory)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as Recording);

/** Docker's, as the scenarios were recorded with. */
export const DOCKER_OPTIONS = 'dio,xino=/dev/shm/aufs.xino,dirperm1';

/** The bytes of a text: `hex:…` is raw bytes, everything else UTF-8. */
export function toBytes(text: string): Buffer {
  return text.startsWith('hex:') ? Buffer.from(text.slice(4), 'hex') : Buffer.from(text);
}

/** The reverse: one way to write each. */
export function toText(bytes: Buffer): string {
  const text = bytes.toString();
  const plain = Buffer.from(text).equals(bytes) && !/\p{C}/u.test(text) && !text.startsWith('hex:');
  return plain ? text : `hex:${bytes.toString('hex')}`;
}

/** With `%i` replaced by the number. The outermost of nested ones decides. */
export function numbered<T>(value: T, number: number): T {
  return JSON.parse(JSON.stringify(value).replaceAll('%i', String(number))) as T;
}
