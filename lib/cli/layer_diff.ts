// SPDX-License-Identifier: MIT
import { Option } from 'commander';
import type { ArchiveFormat } from '../store/index.ts';
import { countOption } from './amounts.ts';
import { progressLine } from './progress_line.ts';
import { type Context, print, type Verb } from './verb.ts';
import { type ArchiveTarget, refuseTerminal, writeArchive } from './write_archive.ts';

interface Options extends ArchiveTarget {
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
  const target = { output, gzip };
  refuseTerminal(context, target);
  await using store = await context.openStore();
  const layer = await store.layer(id);
  const line = progressLine(context.terminal, 'diff');
  const archive = layer.archive({ ...options, onProgress: line.update, signal: context.signal });
  const written = await writeArchive(context, archive, target).finally(line.clear);
  // What goes to standard output is the archive and nothing else.
  if (output === undefined) return;
  print(context, { layer: layer.id, output, ...written }, ({ diffId }) => `${diffId}\n`);
}
