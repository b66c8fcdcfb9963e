// SPDX-License-Identifier: MIT
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  resolveData,
  resolveInteger,
  resolveMode,
  resolvePath,
  resolveTime,
  type TimeInput,
  type UnionPath,
} from './arguments.ts';
import { binding, type Change, type NativeCopyUp } from './binding.ts';
import { BranchStack } from './branch_stack.ts';
import { hasCode, native } from './errors.ts';
import { type Branch, resolveUnionOptions, type UnionOptions } from './options.ts';
import { unionControl } from './union/branch_control.ts';
import { copyUps } from './union/copy_ups.ts';
import { Dirent, joinPath, type PackedEntry, unpackEntries, unpackNames } from './union/dirent.ts';
import { UnionFileHandle } from './union/file_handle.ts';
import { UnionGuard } from './union/guard.ts';
import { resolveOpenFlags } from './union/open_flags.ts';
import { openNative } from './union/open_native.ts';
import { BigIntStats, Stats } from './union/stats.ts';
import { type CopyOptions, copyTree, makeDirectories, removeTree } from './union/tree.ts';
import type {
  NameOptions,
  ReaddirOptions,
  ReadFileOptions,
  StatFs,
  WriteFileOptions,
} from './union/types.ts';

export type { UnionPath } from './arguments.ts';
export type { Change, CopyMethod, FileType, NativeCopyUp } from './binding.ts';
export { Dirent } from './union/dirent.ts';
export { type ReadStreamOptions, UnionFileHandle } from './union/file_handle.ts';
export { BigIntStats, Stats } from './union/stats.ts';
export type { CopyOptions } from './union/tree.ts';
export type * from './union/types.ts';

type WriteInput =
  | string
  | ArrayBufferView
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>;
type Names<T> = T extends { encoding: 'buffer' } ? Buffer : string;

/**
 * A union of branches in this process: no mount, no privilege, the same rules as the mount. Its methods are those of
 * `node:fs/promises`; paths start at the root of the union, with or without a slash, and symlinks and `..` do not lead out of
 * it. Names beginning `.wh.` are refused with EPERM, as AUFS does.
 *
 * Calls may overlap; each is done by a thread of the libuv pool. Errors are {@link SystemError} as `node:fs` has them:
 * EROFS where no branch can be written, EXDEV as the kernel says it.
 *
 * @example
 * await using union = await Union.open({ branches: ['./upper', './lower'] });
 * await union.appendFile('notes.txt', 'a line\n'); // the first write copies the file up
 */
export class Union implements AsyncDisposable {
  readonly #guard: UnionGuard;
  readonly #readOnly: boolean;
  #branches: readonly Branch[];
  /** The branches, which can be changed while the union is in use. */
  readonly stack: BranchStack;

  private constructor(guard: UnionGuard, branches: readonly Branch[], readOnly: boolean) {
    this.#guard = guard;
    this.#branches = branches;
    this.#readOnly = readOnly;
    this.stack = new BranchStack(unionControl(guard, (changed) => (this.#branches = changed)));
  }

  /** Topmost first, with absolute paths and every mode filled in; as they are after the last change of {@link stack}. */
  get branches(): readonly Branch[] {
    return this.#branches;
  }

  /**
   * Opens a union; its writable branch is locked against other unions until it is closed.
   *
   * @throws {AufsError} `ERR_BRANCH_NOT_FOUND`, `ERR_BRANCH_OVERLAP`, `ERR_BRANCH_BUSY`.
   * @throws {TypeError} if an option is malformed; `signal.reason` if it is aborted first.
   */
  static async open(options: UnionOptions): Promise<Union> {
    const { signal } = options;
    resolveUnionOptions(options);
    signal?.throwIfAborted();
    const { handle, branches, readOnly } = await openNative(options);
    const union = new Union(new UnionGuard(handle), branches, readOnly);
    if (signal?.aborted) await union.close();
    signal?.throwIfAborted();
    return union;
  }

  // --- looking

  async access(path: UnionPath, mode: number = constants.F_OK): Promise<void> {
    await this.#at(path, (union, at) => binding().access(union, at, mode));
  }

  stat(path: UnionPath, options: { readonly bigint: true }): Promise<BigIntStats>;
  stat(path: UnionPath, options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  stat(path: UnionPath, options?: { readonly bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    return this.#stat(path, true, options?.bigint ?? false);
  }

  lstat(path: UnionPath, options: { readonly bigint: true }): Promise<BigIntStats>;
  lstat(path: UnionPath, options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  /** As {@link stat}, but of a symlink itself. */
  lstat(path: UnionPath, options?: { readonly bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    return this.#stat(path, false, options?.bigint ?? false);
  }

  readdir(
    path: UnionPath,
    options: ReaddirOptions & { withFileTypes: true; encoding: 'buffer' },
  ): Promise<Dirent<Buffer>[]>;
  readdir(path: UnionPath, options: ReaddirOptions & { withFileTypes: true }): Promise<Dirent[]>;
  readdir(path: UnionPath, options: (ReaddirOptions & { encoding: 'buffer' }) | 'buffer'): Promise<Buffer[]>;
  readdir(path: UnionPath, options?: ReaddirOptions | BufferEncoding | null): Promise<string[]>;
  /** The merged listing: each name once, without whiteouts, in no particular order. */
  async readdir(
    path: UnionPath,
    options?: ReaddirOptions | BufferEncoding | 'buffer' | null,
  ): Promise<(string | Buffer)[] | Dirent[] | Dirent<Buffer>[]> {
    const { withFileTypes = false, recursive = false, encoding } = toNameOptions(options) as ReaddirOptions;
    const at = resolvePath(path);
    const entries = await this.#list(at, recursive);
    if (!withFileTypes) return entries.map(({ name }) => decode(name, encoding));
    const dirents = entries.map(({ name, type }) => {
      // Of an entry further down the directory is the one that it is in, as in node:fs.
      const slash = name.lastIndexOf('/');
      const parent = slash < 0 ? at : joinPath(at, name.subarray(0, slash));
      const shown = typeof parent === 'string' ? parent : Buffer.from(parent).toString();
      return new Dirent(decode(name.subarray(slash + 1), encoding), shown, type);
    });
    return dirents as Dirent[] | Dirent<Buffer>[];
  }

  /** The entries one by one; the directory is read when the iteration begins. */
  async *opendir(path: UnionPath): AsyncGenerator<Dirent, void, void> {
    yield* await this.readdir(path, { withFileTypes: true });
  }

  /** Where a symlink leads, as it was written. */
  async readlink<O extends NameOptions>(path: UnionPath, options?: O): Promise<Names<O>> {
    const target = await this.#at(path, (union, at) => binding().readlink(union, at));
    return decode(target, options?.encoding) as Names<O>;
  }

  /** The absolute path, within the union, without symlinks and dots. */
  async realpath<O extends NameOptions>(path: UnionPath, options?: O): Promise<Names<O>> {
    const whole = await this.#at(path, (union, at) => binding().realpath(union, at));
    return decode(whole, options?.encoding) as Names<O>;
  }

  /** The file system of the writable branch (or of the topmost, if there is none). */
  async statfs(path: UnionPath = '/'): Promise<StatFs> {
    const numbers = await this.#at(path, (union, at) => binding().statfs(union, at));
    const [type = 0, bsize = 0, blocks = 0, bfree = 0, bavail = 0, files = 0, ffree = 0, namemax = 0] =
      Array.from(numbers, Number);
    return { type, bsize, blocks, bfree, bavail, files, ffree, namemax };
  }

  /** Index into {@link branches} of the branch that holds the data of `path` (of a directory: its topmost part). */
  async which(path: UnionPath): Promise<number> {
    return this.#at(path, (union, at) => binding().which(union, at));
  }

  // --- files

  readFile(
    path: UnionPath,
    options: BufferEncoding | (ReadFileOptions & { encoding: BufferEncoding }),
  ): Promise<string>;
  readFile(path: UnionPath, options?: ReadFileOptions | null): Promise<Buffer>;
  async readFile(
    path: UnionPath,
    options?: BufferEncoding | ReadFileOptions | null,
  ): Promise<string | Buffer> {
    const {
      encoding,
      flag = 'r',
      signal,
    } = typeof options === 'string' ? { encoding: options } : (options ?? {});
    signal?.throwIfAborted();
    const flags = resolveOpenFlags(flag);
    const bytes = await this.#at(path, (union, at) => binding().readFile(union, at, flags));
    return encoding ? bytes.toString(encoding) : bytes;
  }

  /** Replaces the content. A new file gets `mode` less the umask. */
  async writeFile(
    path: UnionPath,
    data: WriteInput,
    options?: BufferEncoding | WriteFileOptions | null,
  ): Promise<void> {
    const { encoding, mode = 0o666, flag = 'w', flush = false, signal } = toWriteOptions(options);
    signal?.throwIfAborted();
    if (typeof data === 'string' || ArrayBuffer.isView(data)) {
      const [bytes, flags, bits] = [
        resolveData(data, encoding ?? 'utf8'),
        resolveOpenFlags(flag),
        resolveMode(mode),
      ];
      await this.#at(path, (union, at) => binding().writeFile(union, at, bytes, flags, bits, flush));
      return;
    }
    await using file = await this.open(path, flag, mode);
    for await (const piece of data) {
      signal?.throwIfAborted();
      await file.write(resolveData(piece, encoding ?? 'utf8'));
    }
    if (flush) await file.sync();
  }

  async appendFile(
    path: UnionPath,
    data: WriteInput,
    options?: BufferEncoding | WriteFileOptions | null,
  ): Promise<void> {
    await this.writeFile(path, data, { flag: 'a', ...toWriteOptions(options) });
  }

  /** Opens a file. Opening for writing copies nothing up, unless it truncates; the first write does. */
  async open(
    path: UnionPath,
    flags: string | number = 'r',
    mode: number | string = 0o666,
  ): Promise<UnionFileHandle> {
    const [number, bits] = [resolveOpenFlags(flags), resolveMode(mode)];
    const file = await this.#at(path, (union, at) => binding().fileOpen(union, at, number, bits));
    return new UnionFileHandle(this.#guard, file);
  }

  /** Copies one file to another name. `mode`: `COPYFILE_EXCL` refuses to replace. */
  async copyFile(from: UnionPath, to: UnionPath, mode = 0): Promise<void> {
    const flag = (mode & constants.COPYFILE_EXCL) === 0 ? 'w' : 'wx';
    await using source = await this.open(from);
    const { mode: bits } = await source.stat();
    await using target = await this.open(to, flag, bits & 0o7777);
    for await (const chunk of source.createReadStream()) await target.write(chunk as Buffer);
  }

  /** Copies a tree within the union. */
  async cp(from: UnionPath, to: UnionPath, options: CopyOptions = {}): Promise<void> {
    await copyTree(this, resolvePath(from, 'from'), resolvePath(to, 'to'), options);
  }

  async truncate(path: UnionPath, size = 0): Promise<void> {
    resolveInteger(size, 'size', 0);
    await this.#at(path, (union, at) => binding().truncate(union, at, size));
  }

  // --- names

  /** With `recursive` the first directory that was made is returned, and one that exists is no error. */
  async mkdir(
    path: UnionPath,
    options?:
      | number
      | string
      | { readonly recursive?: boolean | undefined; readonly mode?: number | string | undefined },
  ): Promise<string | undefined> {
    const { recursive = false, mode = 0o777 } = typeof options === 'object' ? options : { mode: options };
    if (recursive) return makeDirectories(this, resolvePath(path), mode ?? 0o777);
    const bits = resolveMode(mode ?? 0o777);
    await this.#at(path, (union, at) => binding().mkdir(union, at, bits));
    return undefined;
  }

  /** Makes a directory of a name that begins with `prefix` and that nobody else has. @returns its path. */
  async mkdtemp(prefix: string): Promise<string> {
    for (;;) {
      const path = `${prefix}${randomBytes(4).toString('hex').slice(0, 6)}`;
      try {
        await this.mkdir(path, 0o700);
        return path;
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
    }
  }

  /** Makes a file, fifo, socket or device: `mode` has the type (`S_IFIFO | 0o600`). Devices need privileges. */
  async mknod(
    path: UnionPath,
    mode: number,
    device: { readonly major: number; readonly minor: number } = { major: 0, minor: 0 },
  ): Promise<void> {
    const { major, minor } = device;
    await this.#at(path, (union, at) => binding().mknod(union, at, mode, major, minor));
  }

  async symlink(target: string | Uint8Array | URL, path: UnionPath): Promise<void> {
    const [to, at] = [resolvePath(target, 'target'), resolvePath(path)];
    await this.#guard.run((union) => binding().symlink(union, to, at));
  }

  async link(from: UnionPath, to: UnionPath): Promise<void> {
    const [source, target] = [resolvePath(from, 'from'), resolvePath(to, 'to')];
    await this.#guard.run((union) => binding().link(union, source, target));
  }

  async unlink(path: UnionPath): Promise<void> {
    await this.#at(path, (union, at) => binding().unlink(union, at));
  }

  async rmdir(path: UnionPath): Promise<void> {
    await this.#at(path, (union, at) => binding().rmdir(union, at));
  }

  /** Removes a file, or, with `recursive`, a tree; with `force` a missing path is no error. */
  async rm(
    path: UnionPath,
    {
      recursive = false,
      force = false,
      signal,
    }: {
      readonly recursive?: boolean | undefined;
      readonly force?: boolean | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<void> {
    try {
      await (recursive ? removeTree(this, resolvePath(path), signal) : this.unlink(path));
    } catch (error) {
      if (!force || !hasCode(error, 'ENOENT')) throw error;
    }
  }

  /** Renames anything, directories too. `noReplace` and `exchange` are the flags of renameat2(2). */
  async rename(
    from: UnionPath,
    to: UnionPath,
    {
      noReplace = false,
      exchange = false,
    }: { readonly noReplace?: boolean; readonly exchange?: boolean } = {},
  ): Promise<void> {
    const [source, target] = [resolvePath(from, 'from'), resolvePath(to, 'to')];
    const flags = (noReplace ? 1 : 0) | (exchange ? 2 : 0);
    await this.#guard.run((union) => binding().rename(union, source, target, flags));
  }

  // --- attributes

  async chmod(path: UnionPath, mode: number | string): Promise<void> {
    const bits = resolveMode(mode);
    await this.#at(path, (union, at) => binding().chmod(union, at, bits));
  }

  /** An id of -1 stays as it is. */
  async chown(path: UnionPath, uid: number, gid: number): Promise<void> {
    await this.#at(path, (union, at) => binding().chown(union, at, uid, gid, true));
  }

  async lchown(path: UnionPath, uid: number, gid: number): Promise<void> {
    await this.#at(path, (union, at) => binding().chown(union, at, uid, gid, false));
  }

  async utimes(path: UnionPath, atime: TimeInput, mtime: TimeInput): Promise<void> {
    const [a, m] = [resolveTime(atime, 'atime'), resolveTime(mtime, 'mtime')];
    await this.#at(path, (union, at) => binding().utimes(union, at, a, m, true));
  }

  async lutimes(path: UnionPath, atime: TimeInput, mtime: TimeInput): Promise<void> {
    const [a, m] = [resolveTime(atime, 'atime'), resolveTime(mtime, 'mtime')];
    await this.#at(path, (union, at) => binding().utimes(union, at, a, m, false));
  }

  async getxattr(path: UnionPath, name: string): Promise<Buffer> {
    return this.#at(path, (union, at) => binding().getxattr(union, at, name, true));
  }

  async listxattr(path: UnionPath): Promise<string[]> {
    return unpackNames(await this.#at(path, (union, at) => binding().listxattr(union, at, true)));
  }

  /** `create`: ENODATA's opposite, EEXIST if the attribute is there; `replace`: ENODATA if it is not. */
  async setxattr(
    path: UnionPath,
    name: string,
    value: string | Uint8Array,
    { create = false, replace = false }: { readonly create?: boolean; readonly replace?: boolean } = {},
  ): Promise<void> {
    const bytes = resolveData(value, 'utf8');
    const flags = (create ? 1 : 0) | (replace ? 2 : 0);
    await this.#at(path, (union, at) => binding().setxattr(union, at, name, bytes, flags, true));
  }

  async removexattr(path: UnionPath, name: string): Promise<void> {
    await this.#at(path, (union, at) => binding().removexattr(union, at, name, true));
  }

  // --- the union itself

  copyUp(path: UnionPath): Promise<NativeCopyUp>;
  copyUp(paths: readonly UnionPath[]): Promise<NativeCopyUp[]>;
  /**
   * Makes sure that the data is in the writable branch. @returns what it cost; method `none` and 0 bytes where it was
   * there already. Several paths are copied by several threads at once; after a failure no more are begun.
   */
  async copyUp(paths: UnionPath | readonly UnionPath[]): Promise<NativeCopyUp | NativeCopyUp[]> {
    const list = (Array.isArray(paths) ? paths : [paths]) as readonly UnionPath[];
    const native = list.map((path) => resolvePath(path));
    const done = await copyUps(this.#guard, native);
    return Array.isArray(paths) ? done : (done[0] as NativeCopyUp);
  }

  /** The copy_ups since the last call of this, oldest first; only the latest 10,000 are kept. */
  takeCopyUps(): NativeCopyUp[] {
    return binding().takeCopyUps(this.#guard.handle);
  }

  /** What the topmost writable branch (of a read-only union: the topmost) changes of those below it, sorted by path. */
  async *changes({
    signal,
  }: {
    readonly signal?: AbortSignal | undefined;
  } = {}): AsyncGenerator<Change, void, void> {
    signal?.throwIfAborted();
    // So that a file of several names is told whole.
    const topmost = this.#readOnly ? 0 : this.#branches.findIndex(({ mode }) => mode.startsWith('rw'));
    const writable = !this.#readOnly && topmost >= 0;
    if (writable) await this.flushHardLinks();
    const [top, ...parents] = this.#branches.slice(Math.max(topmost, 0)).map(({ path }) => path);
    const changes = await native(binding().changes(top ?? '', parents));
    for (const change of changes) {
      signal?.throwIfAborted();
      yield change;
    }
  }

  /**
   * Gives hard links of lower files that were copied up the names in the writable branch that they lack there, so that the
   * branch alone tells the whole change. Walks the union if there are such files.
   */
  async flushHardLinks(): Promise<void> {
    await this.#guard.run((union) => binding().flushHardLinks(union));
  }

  /** Everything that was written is on disk afterwards. */
  async sync(): Promise<void> {
    await this.#guard.run((union) => binding().sync(union));
  }

  /** Waits for running calls, closes all files and unlocks the branches. Again is harmless. */
  async close(): Promise<void> {
    const handle = this.#guard.close();
    if (handle) await native(binding().unionClose(handle));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #at<T>(
    path: UnionPath,
    call: (union: UnionGuard['handle'], at: string | Uint8Array) => Promise<T>,
  ): Promise<T> {
    const at = resolvePath(path);
    return this.#guard.run((union) => call(union, at));
  }

  async #stat(path: UnionPath, follow: boolean, bigint: boolean): Promise<Stats | BigIntStats> {
    const fields = await this.#at(path, (union, at) => binding().stat(union, at, follow));
    return bigint ? new BigIntStats(fields) : new Stats(fields);
  }

  async #list(at: string | Uint8Array, recursive: boolean): Promise<PackedEntry[]> {
    const entries = unpackEntries(await this.#guard.run((union) => binding().readdir(union, at)));
    if (!recursive) return entries;
    const all: PackedEntry[] = [];
    for (const entry of entries) {
      all.push(entry);
      if (!new Dirent('', '', entry.type).isDirectory()) continue;
      for (const { name, type } of await this.#list(joinPath(at, entry.name), true)) {
        all.push({ name: Buffer.from(joinPath(entry.name, name)), type });
      }
    }
    return all;
  }
}

function toNameOptions(options: NameOptions | BufferEncoding | 'buffer' | null | undefined): NameOptions {
  return typeof options === 'string' ? { encoding: options } : (options ?? {});
}

function toWriteOptions(options: BufferEncoding | WriteFileOptions | null | undefined): WriteFileOptions {
  return typeof options === 'string' ? { encoding: options } : (options ?? {});
}

function decode(bytes: Buffer, encoding: NameOptions['encoding']): string | Buffer {
  return encoding === 'buffer' ? bytes : bytes.toString(encoding ?? 'utf8');
}
