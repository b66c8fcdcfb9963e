// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { binding } from '../binding.ts';
import { hasCode, native } from '../errors.ts';

/** Something that is no file, or too large a one, is where a file of a store should be. */
export class UnfitFile extends Error {
  readonly path: string;

  constructor(path: string, means: string, options?: ErrorOptions) {
    super(means, options);
    this.path = path;
  }
}

/** More than any list of parents, labels and all, that we or Docker write. */
const MOST_BYTES = 64 * 2 ** 20;

/** What open(2) says of a symlink (O_NOFOLLOW) and of a socket, and `readRegularFile` of anything else that is no file. */
const UNFIT = { ELOOP: 'it is a symlink', ENXIO: 'it is not a file', EINVAL: 'it is not a file' };

/**
 * Opens a file of a store, which may come from anywhere, to be read. Nothing else is waited for (a FIFO), followed (a symlink) or
 * read.
 *
 * @throws {SystemError} of opening it; {@link UnfitFile} if it is no file.
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  let file: FileHandle;
  try {
    file = await open(path, flags);
  } catch (cause) {
    const means = whyUnfit(cause);
    throw means === undefined ? cause : new UnfitFile(path, means, { cause });
  }
  try {
    if ((await file.stat()).isFile()) return file;
    throw new UnfitFile(path, 'it is not a file');
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** All of a file of a store. @throws What {@link openRegularFile} throws; {@link UnfitFile} if it has more than `most` bytes. */
export async function readRegularFile(path: string, most = MOST_BYTES): Promise<Buffer> {
  try {
    return await native(binding().readRegularFile(path, most), { path });
  } catch (cause) {
    const means = hasCode(cause, 'EFBIG') ? `it has more than ${most} bytes` : whyUnfit(cause);
    throw means === undefined ? cause : new UnfitFile(path, means, { cause });
  }
}

/** Why what could not be opened is no file; undefined if that is not the reason. */
function whyUnfit(cause: unknown): string | undefined {
  return Object.entries(UNFIT).find(([code]) => hasCode(cause, code))?.[1];
}

/** As {@link readRegularFile}, as text. */
export async function readTextFile(path: string, most?: number): Promise<string> {
  return (await readRegularFile(path, most)).toString('utf8');
}

/** The text of a file, as far as it can be understood: nothing for what is not there, or is no file. */
export async function readTextIfAny(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof UnfitFile) return '';
    throw error;
  }
}
