// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** What native code says about a failed call; {@link SystemError} is made of it. */
export interface NativeFailure {
  /** Negative errno, as in `node:fs`. */
  readonly errno: number;
  /** The operation in the words of `node:fs` where there is one (`open`, `scandir`), else the system call. */
  readonly syscall: string;
  /** The system call that the kernel refused, where it is not `syscall` itself. */
  readonly via?: string | undefined;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
}

/** Errors that libuv has no words for and that file systems give. */
const EXTRA_TEXT: Readonly<Record<string, string>> = {
  EBADE: 'invalid exchange',
  EDQUOT: 'disk quota exceeded',
  ENODATA: 'no data available',
  EPROTO: 'protocol error',
  ESTALE: 'stale file handle',
};

function describeErrno(errno: number): readonly [code: string, text: string] {
  const known = getSystemErrorMap().get(errno);
  if (known) return known;
  const code = Object.entries(constants.errno).find(([, value]) => value === -errno)?.[0] ?? `E${-errno}`;
  return [code, EXTRA_TEXT[code] ?? 'unknown error'];
}

/**
 * A system call failed. Has the fields and message format of the errors of `node:fs`,
 * so `error.code === 'ENOENT'` works here as it does there.
 */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** Negative, as in `node:fs`. */
  readonly errno: number;
  /** The errno's name: `'ENOENT'`. */
  readonly code: string;
  /** `'open'`, `'rename'`, … */
  readonly syscall: string;
  /** The system call that the kernel refused, where it has another name than `syscall`: `'openat2'`. */
  declare readonly via?: string;
  declare readonly path?: string;
  declare readonly dest?: string;

  constructor({ errno, syscall, via, path, dest }: NativeFailure, options?: ErrorOptions) {
    const [code, text] = describeErrno(errno);
    const where = path === undefined ? '' : ` '${path}'`;
    const to = dest === undefined ? '' : ` -> '${dest}'`;
    super(`${code}: ${text}, ${syscall}${where}${to}`, options);
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
    // Absent fields stay absent, as they do on the errors of node:fs.
    if (via !== undefined && via !== syscall) Object.assign(this, { via });
    if (path !== undefined) Object.assign(this, { path });
    if (dest !== undefined) Object.assign(this, { dest });
  }
}

/** Stable codes of {@link AufsError}; each is explained in `docs/errors.md`. */
export type AufsErrorCode =
  // the branch stack
  | 'ERR_BRANCH_NOT_FOUND'
  | 'ERR_BRANCH_OVERLAP'
  | 'ERR_BRANCH_BUSY'
  | 'ERR_NO_WRITABLE_BRANCH'
  // mounts
  | 'ERR_MOUNTPOINT'
  | 'ERR_MOUNTPOINT_NOT_EMPTY'
  | 'ERR_FUSE_DEVICE'
  | 'ERR_FUSERMOUNT'
  | 'ERR_MOUNT_DENIED'
  | 'ERR_MOUNT_LOST'
  | 'ERR_NOT_MOUNTED'
  | 'ERR_MOUNT_BUSY'
  | 'ERR_SERVER_NOT_FOUND'
  | 'ERR_SERVER_FAILED'
  | 'ERR_CHAIN_INDEX'
  // the addon
  | 'ERR_NATIVE_NOT_FOUND'
  // the layer store
  | 'ERR_LAYER_NOT_FOUND'
  | 'ERR_PARENT_NOT_FOUND'
  | 'ERR_LAYER_EXISTS'
  | 'ERR_LAYER_ID'
  | 'ERR_LAYER_MOUNTED'
  | 'ERR_LAYER_HAS_CHILDREN'
  | 'ERR_LAYER_READ_ONLY'
  | 'ERR_CORRUPT_LAYER'
  | 'ERR_STORE'
  | 'ERR_STORE_READ_ONLY'
  | 'ERR_DOCKER_RUNNING'
  | 'ERR_STORE_FILE_SYSTEM'
  // archives of layers
  | 'ERR_ARCHIVE'
  | 'ERR_ARCHIVE_UNSAFE'
  | 'ERR_ARCHIVE_LIMIT'
  | 'ERR_DIGEST'
  | 'ERR_LAYER_CHANGED'
  | 'ERR_NO_RECORD'
  // everything else
  | 'ERR_RESERVED_NAME'
  | 'ERR_UNION_CLOSED'
  | 'ERR_USAGE'
  | 'ERR_UNSUPPORTED';

/** How an {@link AufsError} is made: what to do next, what lies beneath, and facts for programs. */
export interface AufsErrorOptions {
  /** What to do next, in the imperative; becomes the end of the message. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Anything else: facts for programs, found again in {@link AufsError.details}. */
  readonly [detail: string]: unknown;
}

/**
 * node-aufs itself says no. `code` is stable; the message says what was tried and, after `; `, what to do.
 *
 * @example
 * throw new AufsError('ERR_LAYER_NOT_FOUND', `no layer '${id}' in ${root}`, { hint: 'list them with ls', id });
 */
export class AufsError extends Error {
  override readonly name = 'AufsError';
  readonly code: AufsErrorCode;
  /** What to do next; also the end of `message`. */
  readonly hint: string | undefined;
  /** Facts for programs, such as `path` or `id`; which ones there are depends on `code`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: AufsErrorCode, message: string, { hint, cause, ...details }: AufsErrorOptions = {}) {
    super(
      `${code}: ${message}${hint === undefined ? '' : `; ${hint}`}`,
      cause === undefined ? {} : { cause },
    );
    this.code = code;
    this.hint = hint;
    this.details = Object.freeze(details);
  }
}

/** True for the plain error that native code rejects with: errno and syscall, but no `code` yet. */
export function isNativeFailure(value: unknown): value is Error & NativeFailure {
  return (
    value instanceof Error &&
    typeof (value as Partial<NativeFailure>).errno === 'number' &&
    typeof (value as Partial<NativeFailure>).syscall === 'string' &&
    !('code' in value)
  );
}

/**
 * Waits for a call into native code. The error that comes out of a pool thread has no useful stack,
 * so it is made anew here, where the (awaiting) caller still is on it.
 *
 * @param names - Puts other names on a failure than those that native code was given.
 * @throws {SystemError} if the system call failed.
 */
export async function native<T>(call: Promise<T>, names?: Partial<NativeFailure>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (!isNativeFailure(cause)) throw cause;
    const { errno, syscall, via, path, dest } = cause;
    throw new SystemError({ errno, syscall, via, path, dest, ...names });
  }
}

/** True if `error` carries this errno name or `ERR_…` code, whoever threw it. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === code;
}
