// SPDX-License-Identifier: MIT
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Union } from '../../lib/union.ts';
import { run } from './stage.ts';

/** What rules are told in: operations on paths from the root of the tree, whatever serves it. */
export interface Place {
  readFile(path: string): Promise<string>;
  writeFile(path: string, data: string): Promise<void>;
  appendFile(path: string, data: string): Promise<void>;
  /** Opens and closes without reading or writing. `flags` as `fs.open`. */
  touch(path: string, flags: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** RENAME_NOREPLACE of renameat2(2). */
  renameNoReplace(from: string, to: string): Promise<void>;
  /** RENAME_EXCHANGE of renameat2(2). */
  exchange(one: string, other: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  utimes(path: string, atime: number, mtime: number): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  lstat(
    path: string,
  ): Promise<{ mode: number; size: number; nlink: number; ino: number; mtimeMs: number; blocks: number }>;
}

const RENAMEAT2 = `
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, other, flags = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), int(sys.argv[3])
if libc.renameat2(-100, one, -100, other, flags) != 0: print(errno.errorcode[ctypes.get_errno()])
`;

/** What Node's rename cannot do. */
async function renameat2(from: string, to: string, flags: number): Promise<void> {
  const { stdout } = await run('python3', ['-c', RENAMEAT2, from, to, String(flags)]);
  const code = stdout.trim();
  if (code !== '') throw Object.assign(new Error(`${code}: renameat2 ${from} -> ${to}`), { code });
}

/** A directory of the file system, a mount for instance. */
export class DirectoryPlace implements Place {
  readonly #root: string;
  constructor(root: string) {
    this.#root = root;
  }
  #at(path: string): string {
    return join(this.#root, path);
  }
  readFile = (path: string) => fs.readFile(this.#at(path), 'utf8');
  writeFile = (path: string, data: string) => fs.writeFile(this.#at(path), data);
  appendFile = (path: string, data: string) => fs.appendFile(this.#at(path), data);
  touch = async (path: string, flags: string) => (await fs.open(this.#at(path), flags)).close();
  readdir = (path: string) => fs.readdir(this.#at(path));
  mkdir = (path: string) => fs.mkdir(this.#at(path)).then(() => {});
  rmdir = (path: string) => fs.rmdir(this.#at(path));
  unlink = (path: string) => fs.unlink(this.#at(path));
  rename = (from: string, to: string) => fs.rename(this.#at(from), this.#at(to));
  renameNoReplace = (from: string, to: string) => renameat2(this.#at(from), this.#at(to), 1);
  exchange = (one: string, other: string) => renameat2(this.#at(one), this.#at(other), 2);
  link = (from: string, to: string) => fs.link(this.#at(from), this.#at(to));
  symlink = (target: string, path: string) => fs.symlink(target, this.#at(path));
  readlink = (path: string) => fs.readlink(this.#at(path));
  chmod = (path: string, mode: number) => fs.chmod(this.#at(path), mode);
  chown = (path: string, uid: number, gid: number) => fs.chown(this.#at(path), uid, gid);
  utimes = (path: string, atime: number, mtime: number) => fs.utimes(this.#at(path), atime, mtime);
  truncate = (path: string, size: number) => fs.truncate(this.#at(path), size);
  lstat = (path: string) => fs.lstat(this.#at(path));
}

/** The engine in this process. */
export class UnionPlace implements Place {
  readonly #union: Union;
  constructor(union: Union) {
    this.#union = union;
  }
  readFile = (path: string) => this.#union.readFile(path, 'utf8');
  writeFile = (path: string, data: string) => this.#union.writeFile(path, data);
  appendFile = (path: string, data: string) => this.#union.appendFile(path, data);
  touch = async (path: string, flags: string) => (await this.#union.open(path, flags)).close();
  readdir = (path: string) => this.#union.readdir(path === '' ? '/' : path);
  mkdir = (path: string) => this.#union.mkdir(path).then(() => {});
  rmdir = (path: string) => this.#union.rmdir(path);
  unlink = (path: string) => this.#union.unlink(path);
  rename = (from: string, to: string) => this.#union.rename(from, to);
  renameNoReplace = (from: string, to: string) => this.#union.rename(from, to, { noReplace: true });
  exchange = (one: string, other: string) => this.#union.rename(one, other, { exchange: true });
  link = (from: string, to: string) => this.#union.link(from, to);
  symlink = (target: string, path: string) => this.#union.symlink(target, path);
  readlink = (path: string) => this.#union.readlink(path);
  chmod = (path: string, mode: number) => this.#union.chmod(path, mode);
  chown = (path: string, uid: number, gid: number) => this.#union.chown(path, uid, gid);
  utimes = (path: string, atime: number, mtime: number) => this.#union.utimes(path, atime, mtime);
  truncate = (path: string, size: number) => this.#union.truncate(path, size);
  lstat = (path: string) => this.#union.lstat(path);
}
