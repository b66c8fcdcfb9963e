// SPDX-License-Identifier: MIT
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Option } from 'commander';
import { AufsError } from '../errors.ts';
import type { ArchiveFormat } from '../store/index.ts';
import { bytesOption, countOption } from './amounts.ts';
import { layerFacts } from './ls.ts';
import { progressLine } from './progress_line.ts';
import { collectLabel, print, type Verb } from './verb.ts';

interface Options {
  readonly parent?: string;
  readonly id?: string;
  readonly label?: Record<string, string>;
  readonly diffId?: string;
  readonly format?: ArchiveFormat;
  readonly exact: boolean;
  readonly once?: boolean;
  readonly maxBytes?: number;
  readonly maxEntries?: number;
}

/** `node-aufs layer apply`: a read-only layer from a tar archive; prints its id. */
export const layerApply: Verb = (program, run) => {
  program
    .command('apply')
    .description('make a read-only layer of a tar archive (plain, gzip, zstd); prints its id')
    .argument('<file>', 'the archive; - is standard input')
    .option('-p, --parent <layer>', 'the layer to stand on')
    .option('--id <id>', 'id of the new layer: 64 hexadecimal digits (default: random)')
    .option('--label <key=value>', 'keep this with the layer (repeatable)', collectLabel)
    .option('--diff-id <digest>', 'sha256:… that the uncompressed archive must have', checkedDigest)
    .option('--once', 'with --diff-id: the layer that the parent has of this archive, if it has one')
    .addOption(new Option('--format <rules>', 'whose rules hold').choices(['oci', 'docker']))
    .option('--no-exact', 'keep no record for exporting the same bytes again')
    .option('--max-bytes <size>', 'refuse more, uncompressed: 500M, 2G … (default: 64G)', bytesOption)
    .option('--max-entries <count>', 'refuse more (default: 5000000)', countOption)
    .action((file: string, { label, diffId, ...options }: Options, command) =>
      run(command, async (context) => {
        if (options.once === true && diffId === undefined) {
          throw new AufsError('ERR_USAGE', '--once needs to know the archive', {
            hint: 'give its --diff-id',
          });
        }
        await using store = await context.openStore({ create: true });
        const { source, total } = await openSource(file);
        const line = progressLine(context.terminal, 'apply', total);
        const applied = await store
          .apply(source, {
            ...options,
            labels: label,
            expectedDiffId: diffId,
            onProgress: line.update,
            signal: context.signal,
          })
          .finally(line.clear);
        const { layer, ...facts } = applied;
        print(context, { ...(await layerFacts(layer)), ...facts }, ({ id }) => `${id}\n`);
      }),
    );
};

/** The archive in a file, or on standard input (`-`), and its size if that is known. */
export async function openSource(file: string): Promise<{ source: Readable; total: number | undefined }> {
  if (file !== '-') {
    const { size } = await stat(file);
    return { source: createReadStream(file, { highWaterMark: 256 * 1024 }), total: size };
  }
  if (process.stdin.isTTY) {
    throw new AufsError('ERR_USAGE', 'an archive cannot be typed', {
      hint: 'send it in through a pipe, or give the name of a file',
    });
  }
  return { source: process.stdin, total: undefined };
}

/** A digest, as an option of a command. */
export function checkedDigest(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new AufsError('ERR_USAGE', `'${text}' is not a digest`, {
    hint: 'write sha256: and 64 hexadecimal digits',
  });
}
