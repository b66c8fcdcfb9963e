// SPDX-License-Identifier: MIT
import { Option } from 'commander';
import type { ArchiveFormat, ArchiveProgress, Store } from '../store/index.ts';
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
    .argument('<layer>', 'a layer: its id, name, or a unique beginning of its id')
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

function diff(context: Context, id: string, { output, gzip, ...options }: Options): Promise<void> {
  return writeLayerArchive(context, { output, gzip }, async (store, onProgress) => {
    const layer = await store.layer(id);
    return { id: layer.id, archive: layer.archive({ ...options, onProgress, signal: context.signal }) };
  });
}

/** Writes the archive that `open` gives to standard output or to a file; of that it prints the diff id. */
export async function writeLayerArchive(
  context: Context,
  target: ArchiveTarget,
  open: (
    store: Store,
    onProgress: (progress: ArchiveProgress) => void,
  ) => Promise<{ readonly id: string; readonly archive: AsyncIterable<Buffer> }>,
): Promise<void> {
  refuseTerminal(context, target);
  await using store = await context.openStore();
  const line = progressLine(context.terminal, 'diff');
  const { id, archive } = await open(store, line.update);
  const written = await writeArchive(context, archive, target).finally(line.clear);
  const { output } = target;
  // What goes to standard output is the archive and nothing else.
  if (output === undefined) return;
  print(context, { layer: id, output, ...written }, ({ diffId }) => `${diffId}\n`);
}
