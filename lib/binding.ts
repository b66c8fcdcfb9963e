// SPDX-License-Identifier: MIT
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArchiveBinding } from './archive_binding.ts';
import { AufsError } from './errors.ts';

/** A path as native code takes it: a string is UTF-8, bytes are taken as they are. No NUL inside. */
export type NativePath = string | Uint8Array;

/** An open union; made by {@link Binding.unionOpen}. */
export type UnionHandle = { readonly __brand: 'UnionHandle' };
/** A held lock; made by {@link Binding.flock} and {@link Binding.lockFile}. */
export type LockHandle = { readonly __brand: 'LockHandle' };

/** What an entry is. */
export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'unknown';

/** How the data of a copy_up got where it is. */
export type CopyMethod = 'none' | 'reflink' | 'copy_file_range' | 'read_write';

/** One finished copy_up. */
export interface NativeCopyUp {
  /** Relative to the union's root, without a leading slash. */
  readonly path: string;
  readonly method: CopyMethod;
  readonly bytes: number;
  readonly nanoseconds: number;
}

/** One difference between a layer and what lies below it. */
export interface Change {
  /** Added, changed (in content, metadata or, for a directory, in what it holds), deleted. */
  readonly kind: 'A' | 'C' | 'D';
  /** Absolute within the layer: `/etc/hosts`. */
  readonly path: string;
  /** For `D` the type of what was deleted. */
  readonly type: FileType;
  /** Apparent size in bytes of a regular file, else 0. */
  readonly size: number;
  /** The path's bytes, only where they are not UTF-8 (`path` then has U+FFFD in it). */
  readonly pathBytes?: Buffer;
}

/** What a directory and everything below it takes. */
export interface TreeUsage {
  /** Blocks that it has, directories included, each inode once. Blocks shared by reflinks count for each file. */
  readonly bytesOnDisk: number;
  /** Sum of the sizes of its files, holes included, each inode once, directories not counted (Docker's DiffSize). */
  readonly apparentBytes: number;
  /** Files, directories, links …, the root not counted. */
  readonly entries: number;
  /**
   * Of `bytesOnDisk`, what lies in blocks that other files, of this layer or not, have too (reflinks, snapshots); null where the file
   * system does not tell, or not this user.
   */
  readonly sharedBytes: number | null;
}

/** What {@link Binding.copyTree} did. */
export interface CopyTreeResult {
  readonly entries: number;
  /** Bytes of data copied or shared; holes do not count. */
  readonly bytes: number;
  /** How the data of the most demanding file was copied: the last method of the ladder that was needed. */
  readonly method: CopyMethod;
}

/**
 * Everything that native code can do: positional scalars in, facts out. Calls that reach the disk return promises,
 * run on a libuv pool thread, and reject with a plain Error that `native()` of `errors.ts` turns into a SystemError.
 * A wrong argument type throws TypeError at once.
 *
 * Attributes are a BigInt64Array: dev, mode, nlink, uid, gid, rdev, blksize, ino, size, blocks, and atime, mtime,
 * ctime, birthtime in nanoseconds. Names are bytes: each a `DT_*` byte, the name, NUL.
 * Times given are nanoseconds as bigint, null leaves a time as it is.
 */
export interface Binding extends ArchiveBinding {
  // --- the engine in this process. An open file is a number that is valid for its union only.

  /** On failure the error has `branch`, the index of the refused branch (or -1). `perms` are AUFS's words. */
  unionOpen(
    paths: readonly NativePath[],
    perms: readonly string[],
    readOnly: boolean,
    dirren: boolean,
    volatile: boolean,
    createPolicy: string,
    copyUpPolicy: string,
    revalidate: boolean,
    alwaysOpaque: boolean,
    showWhiteouts: boolean,
  ): Promise<UnionHandle>;
  /** Waits for running calls, closes all files. Later calls reject with EBADF. */
  unionClose(union: UnionHandle): Promise<void>;
  unionNameMax(union: UnionHandle): number;
  /** Path and mode of each, topmost first. */
  unionBranches(union: UnionHandle): Promise<string[]>;
  unionInsertBranch(union: UnionHandle, position: number, path: NativePath, perm: string): Promise<void>;
  /** Resolves to the paths that keep the branch busy: then nothing was changed. */
  unionRemoveBranch(union: UnionHandle, path: NativePath): Promise<string[]>;
  unionChangeBranch(union: UnionHandle, path: NativePath, perm: string): Promise<string[]>;

  stat(union: UnionHandle, path: NativePath, followLast: boolean): Promise<BigInt64Array>;
  readdir(union: UnionHandle, path: NativePath): Promise<Buffer>;
  readlink(union: UnionHandle, path: NativePath): Promise<Buffer>;
  realpath(union: UnionHandle, path: NativePath): Promise<Buffer>;
  access(union: UnionHandle, path: NativePath, mode: number): Promise<void>;
  /** type, bsize, blocks, bfree, bavail, files, ffree, namemax. */
  statfs(union: UnionHandle, path: NativePath): Promise<BigInt64Array>;
  /** Index of the branch that the data (of a directory: its topmost part) is in. */
  which(union: UnionHandle, path: NativePath): Promise<number>;

  mkdir(union: UnionHandle, path: NativePath, mode: number): Promise<void>;
  mknod(union: UnionHandle, path: NativePath, mode: number, major: number, minor: number): Promise<void>;
  symlink(union: UnionHandle, target: NativePath, path: NativePath): Promise<void>;
  link(union: UnionHandle, from: NativePath, to: NativePath): Promise<void>;
  unlink(union: UnionHandle, path: NativePath): Promise<void>;
  rmdir(union: UnionHandle, path: NativePath): Promise<void>;
  /** flags as renameat2(2): 0, 1 (NOREPLACE), 2 (EXCHANGE). */
  rename(union: UnionHandle, from: NativePath, to: NativePath, flags: number): Promise<void>;

  chmod(union: UnionHandle, path: NativePath, mode: number): Promise<void>;
  /** An id of -1 stays as it is. */
  chown(union: UnionHandle, path: NativePath, uid: number, gid: number, followLast: boolean): Promise<void>;
  utimes(
    union: UnionHandle,
    path: NativePath,
    atime: bigint | null,
    mtime: bigint | null,
    followLast: boolean,
  ): Promise<void>;
  truncate(union: UnionHandle, path: NativePath, size: number): Promise<void>;

  /** These follow a symlink in the last place as getxattr(2) does, unless `followLast` is false. */
  getxattr(union: UnionHandle, path: NativePath, name: string, followLast: boolean): Promise<Buffer>;
  /** Names, each ended by NUL. */
  listxattr(union: UnionHandle, path: NativePath, followLast: boolean): Promise<Buffer>;
  setxattr(
    union: UnionHandle,
    path: NativePath,
    name: string,
    value: Uint8Array,
    flags: number,
    followLast: boolean,
  ): Promise<void>;
  removexattr(union: UnionHandle, path: NativePath, name: string, followLast: boolean): Promise<void>;

  /** The whole file in one call. */
  readFile(union: UnionHandle, path: NativePath, flags: number): Promise<Buffer>;
  /** Opens with `flags` of open(2) (O_CREAT, O_TRUNC, O_APPEND, O_EXCL …), writes all of `data`, closes. */
  writeFile(
    union: UnionHandle,
    path: NativePath,
    data: Uint8Array,
    flags: number,
    mode: number,
    flush: boolean,
  ): Promise<void>;

  fileOpen(union: UnionHandle, path: NativePath, flags: number, mode: number): Promise<number>;
  fileClose(union: UnionHandle, file: number): Promise<void>;
  /** Into `buffer`; a position of -1 is the file's own, which then moves. Resolves to the number of bytes read. */
  fileRead(union: UnionHandle, file: number, buffer: Uint8Array, position: number): Promise<number>;
  /** From the file's own position to its end. */
  fileReadAll(union: UnionHandle, file: number): Promise<Buffer>;
  /** Writes all of `buffer`; position as above. Resolves to its length. */
  fileWrite(union: UnionHandle, file: number, buffer: Uint8Array, position: number): Promise<number>;
  fileStat(union: UnionHandle, file: number): Promise<BigInt64Array>;
  fileTruncate(union: UnionHandle, file: number, size: number): Promise<void>;
  fileChmod(union: UnionHandle, file: number, mode: number): Promise<void>;
  fileChown(union: UnionHandle, file: number, uid: number, gid: number): Promise<void>;
  fileUtimes(union: UnionHandle, file: number, atime: bigint | null, mtime: bigint | null): Promise<void>;
  fileSync(union: UnionHandle, file: number, dataOnly: boolean): Promise<void>;

  /**
   * What copying each path up cost; method `none` and zeros where it was in the writable branch already. One after the other, until one
   * fails: the failure has its `path`. After 50 ms no more are begun, and the result is as long as what was done, one at the least.
   */
  copyUp(union: UnionHandle, paths: readonly NativePath[]): Promise<NativeCopyUp[]>;
  /** The copy_ups since the last call of this, oldest first; only the latest 10,000 are kept. */
  takeCopyUps(union: UnionHandle): NativeCopyUp[];
  flushHardLinks(union: UnionHandle): Promise<void>;
  sync(union: UnionHandle): Promise<void>;

  // --- layers as directories

  /** Differences of the layer `diff` to `parents` (topmost first), sorted by path. Cost grows with the layer only. */
  changes(diff: NativePath, parents: readonly NativePath[]): Promise<Change[]>;
  /**
   * Copies the layer `from` into the existing empty directory `to`: owner, mode, times, xattrs, hard links, holes,
   * devices; the root's housekeeping (`.wh..wh.*`) is left out, its opaque marker not. Without `exactOwner` this process
   * owns the copies of other people's files, which lose their set-id bits; with it, that is EPERM for who may not give files away.
   */
  copyTree(from: NativePath, to: NativePath, exactOwner: boolean): Promise<CopyTreeResult>;
  /** Names of the files in the directory `chains` that have the word `id`, in no order: of the layers that stand on it. */
  findChildren(chains: NativePath, id: string): Promise<string[]>;
  /** Removes `path` and all below, never following a link or crossing a mount. A missing path is no error. */
  removeTree(path: NativePath): Promise<void>;
  /** Sum of apparent sizes in bytes, each inode once, directories not counted (Docker's DiffSize). */
  diffSize(path: NativePath): Promise<number>;
  /** What a directory and everything below it takes; see `TreeUsage`. Other file systems in it are left out. */
  treeUsage(path: NativePath): Promise<TreeUsage>;

  // --- other processes

  /**
   * Starts a program, without copying this process for it, in a session of its own: nothing to read, its output is thrown away. Its
   * descriptor 3 is a stream socket whose other end is `control`, its stderr a pipe that `errors` reads; both are the caller's to close.
   */
  startProgram(
    program: NativePath,
    args: readonly NativePath[],
    environment: readonly string[],
  ): Promise<{ readonly pid: number; readonly control: number; readonly errors: number }>;
  /** How a process that was started so ended, once; null while it runs. ECHILD if somebody else was told. */
  endOf(pid: number): { readonly code: number; readonly signal: number } | null;

  // --- odds and ends of the system

  /** flags of umount2(2): 1 MNT_FORCE, 2 MNT_DETACH, 8 UMOUNT_NOFOLLOW. */
  umount(path: NativePath, flags: number): Promise<void>;
  /** Asks the mount that the directory `path` is in, by our ioctl: words in, a line of JSON out. */
  mountControl(path: NativePath, words: readonly string[]): Promise<Buffer>;
  /** Not following a symlink in the last place. */
  pathGetxattr(path: NativePath, name: string): Promise<Buffer>;
  /** `ext4`, `xfs`, `btrfs`, `tmpfs`, `overlay`, `fuse`, … or the magic number in hexadecimal (`0x1234`). */
  fsTypeName(path: NativePath): Promise<string>;
  /**
   * Tries to lock the file or directory `path`: flock(2), released by unlock() or when the process ends. Resolves to
   * null if somebody else holds it. Waiting is done by asking again: a pool thread that waits could keep the holder
   * from ever finishing.
   */
  flock(path: NativePath, exclusive: boolean): Promise<LockHandle | null>;
  /** As flock(), of a file, which is made if it is missing. */
  lockFile(path: NativePath, exclusive: boolean): Promise<LockHandle | null>;
  /** Releases at once; again is harmless. */
  unlock(lock: LockHandle): void;
  /**
   * All of a regular file, in one way to the thread pool. Rejects with ELOOP for a symlink, ENXIO or EINVAL for what is no file, EFBIG if it
   * has more than `most` bytes.
   */
  readRegularFile(path: NativePath, most: number): Promise<Buffer>;
  /**
   * Writes `text` to the new file `temporary`, which takes the place of `path` then; with `flush` that is on disk. An error leaves no
   * `temporary`.
   */
  replaceFile(path: NativePath, temporary: NativePath, text: string, flush: boolean): Promise<void>;
  /**
   * Processes whose program's name begins with `name` (15 bytes at most). Words of the command line are each ended by a NUL; it is empty
   * where this user may not see it.
   */
  processesNamed(name: string): Promise<{ readonly pid: number; readonly commandLine: string }[]>;
  /** fsync(2) of a file or directory. */
  fsyncPath(path: NativePath): Promise<void>;
  /** Writes back the whole file system that holds `path`. */
  syncfs(path: NativePath): Promise<void>;
  /** The same of the one that the open file `fd` is on; rejects with what was the matter with it since the file was opened. */
  syncfsOf(fd: number): Promise<void>;
  /** Writes back all file systems: sync(2). */
  syncAll(): Promise<void>;
}

interface ProcessReport {
  readonly header: { readonly glibcVersionRuntime?: string };
}

const require = createRequire(import.meta.url);
// lib/ and dist/ are both one level under the package root.
const root = fileURLToPath(new URL('..', import.meta.url));
let loaded: Binding | undefined;

/**
 * The native part, loaded at the first call.
 *
 * @throws {AufsError} `ERR_NATIVE_NOT_FOUND` if there is none for this machine, with the two commands that fix it.
 */
export function binding(): Binding {
  loaded ??= load();
  return loaded;
}

function load(): Binding {
  try {
    return (require('node-gyp-build') as (directory: string) => Binding)(root);
  } catch (cause) {
    throw notFound(cause);
  }
}

function notFound(cause: unknown): AufsError {
  const libc = detectLibc();
  const platform = `${process.platform}-${process.arch}`;
  const places = [join(root, 'build/Release'), join(root, 'build/Debug'), join(root, 'prebuilds', platform)];
  const found = places.map((place) => `${place}: ${listing(place)}`).join('\n  ');
  const reason = cause instanceof Error ? cause.message : String(cause);
  const cure =
    process.platform === 'linux'
      ? [
          'build it with:',
          '  npm rebuild node-aufs --allow-scripts=node-aufs   (npm 12 runs no install script unless allowed)',
          'and if that says a compiler is missing, first:',
          '  apt-get install -y g++ make python3   (Alpine: apk add g++ make python3 linux-headers)',
        ].join('\n')
      : 'node-aufs runs on Linux only';
  return new AufsError(
    'ERR_NATIVE_NOT_FOUND',
    `no native part for ${platform} (libc ${libc}, Node ${process.versions.node})\n` +
      `looked for node_aufs.node in\n  ${found}\nreason: ${reason.split('\n')[0]}`,
    { hint: cure, cause, platform: process.platform, arch: process.arch, libc },
  );
}

function detectLibc(): string {
  if (process.platform !== 'linux') return 'none';
  const { glibcVersionRuntime } = (process.report.getReport() as unknown as ProcessReport).header;
  return glibcVersionRuntime === undefined ? 'musl' : `glibc ${glibcVersionRuntime}`;
}

function listing(directory: string): string {
  if (!existsSync(directory)) return 'no such directory';
  return (
    readdirSync(directory)
      .filter((name) => name.endsWith('.node'))
      .join(', ') || 'no .node file'
  );
}
