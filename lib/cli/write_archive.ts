// SPDX-License-Identifier: MIT
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { AufsError } from '../errors.ts';
import { Digester } from '../store/digest.ts';
import type { Context } from './verb.ts';

/** Where an archive goes. */
export interface ArchiveTarget {
  /** A file; without it, standard output. */
  readonly output?: string | undefined;
  readonly gzip?: boolean | undefined;
}

/** @throws {AufsError} `ERR_USAGE` if the archive would land on a terminal. */
export function refuseTerminal(context: Context, { output }: ArchiveTarget): void {
  if (output !== undefined || !context.terminal.outputIsTerminal) return;
  throw new AufsError('ERR_USAGE', 'an archive is nothing for a terminal', {
    hint: 'send it elsewhere: -o FILE, > FILE, or a pipe',
  });
}

/**
 * Writes an archive and gives its diff id and its size in bytes, both uncompressed. If that fails, a file that was begun is
 * removed.
 */
export async function writeArchive(
  context: Context,
  archive: AsyncIterable<Buffer>,
  { output, gzip = false }: ArchiveTarget,
): Promise<{ readonly diffId: string; readonly bytes: number }> {
  const digester = new Digester();
  let bytes = 0;
  const digested = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      digester.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  try {
    const target = output === undefined ? context.terminal.output : createWriteStream(output);
    await write(archive, digested, gzip, target, context.signal);
  } catch (error) {
    if (output !== undefined) await removeHalf(output, error);
    throw error;
  }
  return { diffId: digester.digest(), bytes };
}

async function write(
  archive: AsyncIterable<Buffer>,
  digested: (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>,
  gzip: boolean,
  target: Writable,
  signal: AbortSignal,
): Promise<void> {
  // Standard output stays open: it is not ours to close.
  const options = { signal, end: target !== process.stdout };
  if (gzip) await pipeline(archive, digested, createGzip(), target, options);
  else await pipeline(archive, digested, target, options);
}

/** Only what we have begun to write, and no device. */
async function removeHalf(path: string, error: unknown): Promise<void> {
  if (error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'open') return;
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) await rm(path, { force: true });
}
