// SPDX-License-Identifier: MIT
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../errors.ts';
import { readTextFile, UnfitFile } from '../store/regular_file.ts';

/** Why an entry of the database cannot be used. */
export class EntryProblem extends UnfitFile {}

/** The longest value there is, a digest, has 71 bytes. */
const MOST_BYTES = 4096;

/** The text of a file of an entry. @throws What {@link readTextFile} throws. */
export function readSmallFile(path: string): Promise<string> {
  return readTextFile(path, MOST_BYTES);
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
    if (cause instanceof UnfitFile) throw new EntryProblem(path, cause.message, { cause });
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
