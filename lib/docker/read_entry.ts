// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../errors.ts';

/** Why an entry of the database cannot be used. */
export class EntryProblem extends Error {
  readonly path: string;

  constructor(path: string, means: string, options?: ErrorOptions) {
    super(means, options);
    this.path = path;
  }
}

/** The longest value there is, a digest, has 71 bytes. */
const MOST_BYTES = 4096;

/**
 * The text of a file of somebody's store. Nothing else but a file is waited for (a FIFO) or read.
 *
 * @throws {SystemError} of opening it; {@link EntryProblem} if it is no file, or has more than `most` bytes.
 */
export async function readSmallFile(path: string, most = MOST_BYTES): Promise<string> {
  return (await readBounded(path, most)).toString('utf8');
}

/** As {@link readSmallFile}, bytes. */
export async function readBounded(path: string, most: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new EntryProblem(path, 'it is not a file');
    if (stats.size > most) throw new EntryProblem(path, `it has ${stats.size} bytes, more than ${most}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/**
 * The value in a small file of an entry, without blanks around it, as `parse` understands it; undefined if there is no such file.
 *
 * @param wanted - What should be there, for messages: `a cache id`.
 * @param parse - Gives undefined for what is none.
 * @throws {EntryProblem} if the file is empty (as a power cut leaves it), cannot be read, or holds something else.
 */
export async function readValue<T>(
  directory: string,
  name: string,
  wanted: string,
  parse: (text: string) => T | undefined,
): Promise<T | undefined> {
  const path = join(directory, name);
  let text: string;
  try {
    text = (await readSmallFile(path)).trim();
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    if (cause instanceof EntryProblem) throw cause;
    throw new EntryProblem(path, `it cannot be read (${(cause as Error).message})`, { cause });
  }
  if (text === '') throw new EntryProblem(path, 'it is empty, as a power cut leaves it');
  const value = parse(text);
  if (value !== undefined) return value;
  throw new EntryProblem(path, `it holds ${JSON.stringify(text.slice(0, 80))}, which is not ${wanted}`);
}

/** As {@link readValue}; a missing file is a problem too. */
export async function needValue<T>(
  directory: string,
  name: string,
  wanted: string,
  parse: (text: string) => T | undefined,
): Promise<T> {
  const value = await readValue(directory, name, wanted, parse);
  if (value === undefined) throw new EntryProblem(join(directory, name), 'it is missing');
  return value;
}

/** Sorted names in a directory; none where there is no directory. */
export async function namesOf(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
