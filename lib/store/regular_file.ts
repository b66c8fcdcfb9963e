// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hasCode } from '../errors.ts';

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

/** What open(2) says of a symlink (O_NOFOLLOW) and of a socket. */
const UNFIT = { ELOOP: 'it is a symlink', ENXIO: 'it is not a file' };

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
    for (const [code, means] of Object.entries(UNFIT)) {
      if (hasCode(cause, code)) throw new UnfitFile(path, means, { cause });
    }
    throw cause;
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
  const file = await openRegularFile(path);
  try {
    const { size } = await file.stat();
    if (size > most) throw new UnfitFile(path, `it has ${size} bytes, more than ${most}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
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
