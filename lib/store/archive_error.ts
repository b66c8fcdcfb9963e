// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { AufsError, type AufsErrorCode, isNativeFailure, SystemError } from '../errors.ts';

const PREFIX = 'archive: ';

/** What native code says of an archive, by errno. */
const KINDS: Readonly<Record<number, readonly [code: AufsErrorCode, hint: string]>> = {
  [-constants.errno.EXDEV]: ['ERR_ARCHIVE_UNSAFE', 'do not use this archive unless you know who made it'],
  [-constants.errno.EFBIG]: [
    'ERR_ARCHIVE_LIMIT',
    'raise maxBytes or maxEntries if you trust where it comes from',
  ],
  [-constants.errno.ESTALE]: ['ERR_LAYER_CHANGED', 'archive a layer only while nobody writes to it'],
};

const DAMAGED: readonly [AufsErrorCode, string] = ['ERR_ARCHIVE', 'get the archive anew'];

/**
 * Waits for a call of {@link ArchiveBinding}.
 *
 * @param what - What the archive is, for messages: `the archive`, `layer ID`.
 * @throws {AufsError} `ERR_ARCHIVE`, `ERR_ARCHIVE_UNSAFE`, `ERR_ARCHIVE_LIMIT`, `ERR_LAYER_CHANGED`, with
 * `entry`, the name that it was at.
 * @throws {SystemError} if a system call failed; its `path` is the entry.
 */
export async function archiveCall<T>(call: Promise<T>, what: string): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (!isNativeFailure(cause)) throw cause;
    const { errno, syscall, via } = cause;
    const entry = (cause as { entry?: string }).entry;
    if (via?.startsWith(PREFIX) !== true)
      throw new SystemError({ errno, syscall: via ?? syscall, path: entry });
    const [code, hint] = KINDS[errno] ?? DAMAGED;
    const at = entry === undefined ? '' : ` (at ${JSON.stringify(entry)})`;
    throw new AufsError(code, `${what}: ${via.slice(PREFIX.length)}${at}`, { hint, entry });
  }
}
