// SPDX-License-Identifier: MIT
import { AufsError, type AufsErrorCode, hasCode, SystemError } from '../errors.ts';

/** What to do about what the server reports. */
const HINTS: Partial<Record<AufsErrorCode, string>> = {
  ERR_BRANCH_NOT_FOUND: 'make the directory first',
  ERR_BRANCH_OVERLAP: 'no branch may be, contain or lie in another branch or the mountpoint',
  ERR_BRANCH_BUSY: 'unmount the other union that writes to it, or mount this one read-only',
  ERR_MOUNTPOINT: 'give an existing directory',
  ERR_MOUNTPOINT_NOT_EMPTY: 'give an empty directory, or allow it with nonEmpty: true (-o nonempty)',
  ERR_FUSE_DEVICE: 'run `modprobe fuse`; in a container start it with --device /dev/fuse --cap-add SYS_ADMIN',
  ERR_FUSERMOUNT: 'install the Debian/Ubuntu package fuse3 (apt-get install fuse3), or mount as root',
  ERR_MOUNT_DENIED: 'run `node-aufs doctor`, which says what this user may do here',
};

/** Codes of the server that are ours under another name, or an errno alone. */
const RENAMED: Readonly<Record<string, AufsErrorCode | undefined>> = {
  ERR_SERVER: 'ERR_SERVER_FAILED',
  ERR_BRANCH: undefined,
};

function ourCode(code: string | undefined): AufsErrorCode | undefined {
  if (code === undefined || !code.startsWith('ERR_')) return undefined;
  return code in RENAMED ? RENAMED[code] : (code as AufsErrorCode);
}

interface Failure {
  readonly code: AufsErrorCode | undefined;
  readonly errno: number | undefined;
  readonly message: string;
  readonly path: string | undefined;
  readonly syscall: string;
}

function readFailure(answer: unknown): Failure {
  const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const text = (name: string): string | undefined =>
    typeof fields[name] === 'string' ? fields[name] : undefined;
  return {
    code: ourCode(text('code')),
    errno:
      typeof fields['errno'] === 'number' && fields['errno'] !== 0 ? Math.abs(fields['errno']) : undefined,
    message: text('message') ?? JSON.stringify(answer),
    path: text('path'),
    syscall: text('syscall') ?? 'open',
  };
}

/**
 * The error for a `failed` line of the server, or for its last words on stderr (`node-aufs-fuse: ERR_X:
 * what`). An errno without a code of ours becomes a {@link SystemError}.
 */
export function serverFailure(answer: unknown, cause?: unknown): AufsError | SystemError {
  const { code, errno, message, path, syscall } = readFailure(answer);
  const written = /\b(ERR_[A-Z_]+): *(.*)/s.exec(message);
  const known = code ?? ourCode(written?.[1]);
  if (known === undefined && errno !== undefined) {
    return new SystemError({ errno: -errno, syscall, path }, { cause });
  }
  const facts = {
    ...(path === undefined ? {} : { path }),
    ...(errno === undefined ? {} : { errno: -errno }),
  };
  const finalCode = known ?? 'ERR_SERVER_FAILED';
  // The server's own advice, where it gives any, is nearer to the cause than ours.
  const text = written?.[2]?.trim() ?? message;
  return new AufsError(finalCode, text, {
    hint: text.includes('; ') ? undefined : HINTS[finalCode],
    cause,
    ...facts,
  });
}

/** What to do where the system has no more of what a process takes. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: 'too many files are open: close some, or raise the limit (ulimit -n)',
  ENFILE: 'too many files are open in the whole system: close some, or raise fs.file-max',
  EAGAIN: 'there are too many processes: end some, or raise the limit (ulimit -u, pids.max of the cgroup)',
  ENOMEM: 'there is no memory for it: free some',
};

/** The error for a server that could not even be started. */
export function unstartable(program: string, cause: unknown): AufsError {
  const why = `cannot start ${program}: ${cause instanceof Error ? cause.message : String(cause)}`;
  const shortage = Object.entries(SHORTAGES).find(([code]) => hasCode(cause, code))?.[1];
  if (shortage !== undefined) return new AufsError('ERR_SERVER_FAILED', why, { hint: shortage, cause });
  const hint = 'build it with `npm run build:native`, or reinstall the package';
  return new AufsError('ERR_SERVER_NOT_FOUND', why, { hint, cause });
}
