// SPDX-License-Identifier: MIT
import { hasCode } from '../errors.ts';

/**
 * Stable; documented in docs/cli.md. From sysexits.h where it has a word for the case. 2 is left to shells.
 */
export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 64,
  corrupt: 65,
  notFound: 66,
  unavailable: 69,
  ioError: 74,
  busy: 75,
  notPermitted: 77,
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const CODES: Readonly<Record<string, ExitCode>> = {
  ERR_BRANCH_OVERLAP: ExitCode.usage,
  ERR_LAYER_ID: ExitCode.usage,
  ERR_MOUNTPOINT: ExitCode.usage,
  ERR_MOUNTPOINT_NOT_EMPTY: ExitCode.usage,
  ERR_NO_WRITABLE_BRANCH: ExitCode.usage,
  ERR_RESERVED_NAME: ExitCode.usage,
  ERR_UNSUPPORTED: ExitCode.usage,
  ERR_USAGE: ExitCode.usage,
  ERR_ARCHIVE: ExitCode.corrupt,
  ERR_ARCHIVE_LIMIT: ExitCode.corrupt,
  ERR_ARCHIVE_UNSAFE: ExitCode.corrupt,
  ERR_CORRUPT_LAYER: ExitCode.corrupt,
  ERR_DIGEST: ExitCode.corrupt,
  ERR_LAYER_CHANGED: ExitCode.corrupt,
  ERR_BRANCH_NOT_FOUND: ExitCode.notFound,
  ERR_LAYER_NOT_FOUND: ExitCode.notFound,
  ERR_NO_RECORD: ExitCode.notFound,
  ERR_PARENT_NOT_FOUND: ExitCode.notFound,
  ERR_STORE: ExitCode.notFound,
  ENOENT: ExitCode.notFound,
  ENOTDIR: ExitCode.notFound,
  ERR_FUSE_DEVICE: ExitCode.unavailable,
  ERR_FUSERMOUNT: ExitCode.unavailable,
  ERR_NATIVE_NOT_FOUND: ExitCode.unavailable,
  ERR_NOT_MOUNTED: ExitCode.unavailable,
  ERR_SERVER_NOT_FOUND: ExitCode.unavailable,
  ERR_STORE_FILE_SYSTEM: ExitCode.unavailable,
  EIO: ExitCode.ioError,
  ENOSPC: ExitCode.ioError,
  EDQUOT: ExitCode.ioError,
  ERR_BRANCH_BUSY: ExitCode.busy,
  ERR_DOCKER_RUNNING: ExitCode.busy,
  ERR_LAYER_EXISTS: ExitCode.busy,
  ERR_LAYER_HAS_CHILDREN: ExitCode.busy,
  ERR_LAYER_MOUNTED: ExitCode.busy,
  ERR_MOUNT_BUSY: ExitCode.busy,
  EBUSY: ExitCode.busy,
  ERR_LAYER_READ_ONLY: ExitCode.notPermitted,
  ERR_MOUNT_DENIED: ExitCode.notPermitted,
  ERR_STORE_READ_ONLY: ExitCode.notPermitted,
  EACCES: ExitCode.notPermitted,
  EPERM: ExitCode.notPermitted,
  EROFS: ExitCode.notPermitted,
};

/** The exit status that tells of `error`. */
export function exitCodeOf(error: unknown): ExitCode {
  // A store that may not be looked at is a matter of rights, not of how the command was written.
  if (hasCode(error, 'ERR_STORE') && hasCode((error as Error).cause, 'EACCES')) return ExitCode.notPermitted;
  const code = (error as { code?: unknown } | null)?.code;
  return (typeof code === 'string' ? CODES[code] : undefined) ?? ExitCode.failure;
}
