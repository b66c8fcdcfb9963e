// SPDX-License-Identifier: MIT
import type { BigIntStats } from 'node:fs';
import { hasCode } from '../errors.ts';
import type { Union } from '../union.ts';

/** A union by paths that no symlink leads astray: absolute, bytes one a character. */
export class UnionView {
  readonly union: Union;
  readonly #directories = new Map<string, Promise<boolean>>([['/', Promise.resolve(true)]]);

  constructor(union: Union) {
    this.union = union;
  }

  /** Undefined if there is nothing, or if what it would lie in is no directory. */
  async find(path: string): Promise<BigIntStats | undefined> {
    if (path !== '/' && !(await this.#isDirectory(dirname(path)))) return undefined;
    try {
      return await this.union.lstat(bytes(path), { bigint: true });
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** What is in a directory. */
  async names(path: string): Promise<string[]> {
    return (await this.union.readdir(bytes(path), 'buffer')).map((name) => name.toString('latin1'));
  }

  #isDirectory(path: string): Promise<boolean> {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const answer = this.find(path).then((found) => found?.isDirectory() === true);
    this.#directories.set(path, answer);
    return answer;
  }
}

export function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

export function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

export function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
