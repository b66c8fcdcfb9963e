// SPDX-License-Identifier: MIT
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Option } from 'commander';
import { AufsError } from '../errors.ts';
import { Digester } from '../store/digest.ts';
import type { ArchiveFormat } from '../store/index.ts';
import { countOption } from './amounts.ts';
import { progressLine } from './progress_line.ts';
import { type Context, print, type Verb } from './verb.ts';

interface Options {
  readonly output?: string;
  readonly gzip?: boolean;
  readonly format?: ArchiveFormat;
  readonly exact?: boolean;
  readonly sparse?: boolean;
  readonly latestTime?: number;
}

/** `node-aufs layer diff`: the changes of a layer as a tar archive. */
export const layerDiff: Verb = (program, run) => {
  program
    .command('diff')
    .description('write the changes of a layer as a tar archive, to standard output or a file')
    .argument('<layer>', 'id of a layer or a unique beginning of it')
    .option('-o, --output <file>', 'write it there and print its diff id')
    .option('-z, --gzip', 'compress it')
    .addOption(new Option('--format <rules>', 'whose rules hold').choices(['oci', 'docker']))
    .option('--exact', 'the very bytes that the layer was made of')
    .option('--sparse', 'tell of holes instead of writing them out')
    .option(
      '--latest-time <seconds>',
      'later modification times become this (default: SOURCE_DATE_EPOCH)',
      countOption,
    )
    .action((id: string, options: Options, command) => run(command, (context) => diff(context, id, options)));
};

async function diff(context: Context, id: string, { output, gzip, ...options }: Options): Promise<void> {
  if (output === undefined && context.terminal.outputIsTerminal) {
    throw new AufsError('ERR_USAGE', 'an archive is nothing for a terminal', {
      hint: 'send it elsewhere: -o FILE, > FILE, or a pipe',
    });
  }
  await using store = await context.openStore();
  const layer = await store.layer(id);
  const line = progressLine(context.terminal, 'diff');
  const archive = layer.archive({ ...options, onProgress: line.update, signal: context.signal });
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
    await write(archive, digested, gzip === true, target, context.signal);
  } catch (error) {
    if (output !== undefined) await removeHalf(output, error);
    throw error;
  } finally {
    line.clear();
  }
  // What goes to standard output is the archive and nothing else.
  if (output === undefined) return;
  print(
    context,
    { layer: layer.id, output, diffId: digester.digest(), bytes },
    ({ diffId }) => `${diffId}\n`,
  );
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
