// SPDX-License-Identifier: MIT
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import type { Ancestor, ArchiveFormat } from '../store/index.ts';
import { printChanges } from './changes.ts';
import { openSource } from './layer_apply.ts';
import { writeLayerArchive } from './layer_diff.ts';
import { layerFacts } from './ls.ts';
import { progressLine } from './progress_line.ts';
import { print, type Runner, type Verb } from './verb.ts';

const ANCESTOR = "what to compare with: any layer, '' for nothing (default: the parent)";

interface DiffOptions {
  readonly output?: string;
  readonly gzip?: boolean;
  readonly format?: ArchiveFormat;
}

/** `node-aufs driver changes|diff|diff-size|diff-getter|apply-diff`: what a layer changes. */
export const driverDiff: Verb = (group, run) => {
  compared(group, run);
  group
    .command('diff')
    .description('write what must be applied on another layer to get this one, as a tar archive')
    .argument('<layer>')
    .argument('[ancestor]', ANCESTOR)
    .option('-o, --output <file>', 'write it there and print its diff id')
    .option('-z, --gzip', 'compress it')
    .addOption(new Option('--format <rules>', 'whose rules hold').choices(['oci', 'docker']))
    .action((id: string, ancestor: Ancestor, { output, gzip, format }: DiffOptions, command) =>
      run(command, (context) =>
        writeLayerArchive(context, { output, gzip }, async (store, onProgress) => {
          const layer = await store.layer(id);
          const options = { format, onProgress, signal: context.signal };
          return { id: layer.id, archive: await store.graphDriver().diff(layer.id, ancestor, options) };
        }),
      ),
    );
  getter(group, run);
  applyDiff(group, run);
};

function compared(group: Command, run: Runner): void {
  group
    .command('changes')
    .description('list what a layer adds (A), changes (C) and deletes (D)')
    .argument('<layer>')
    .argument('[ancestor]', ANCESTOR)
    .action((id: string, ancestor: Ancestor, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const layer = await store.layer(id);
        printChanges(context, layer.id, await store.graphDriver().changes(layer.id, ancestor));
      }),
    );
  group
    .command('diff-size')
    .description('sum of the sizes of the files that a layer has, or changes of another layer, in bytes')
    .argument('<layer>')
    .argument('[ancestor]', ANCESTOR)
    .action((id: string, ancestor: Ancestor, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const size = await store.graphDriver().diffSize(id, ancestor);
        print(context, { id, size }, () => `${size}\n`);
      }),
    );
}

function getter(group: Command, run: Runner): void {
  group
    .command('diff-getter')
    .description("write the data of one of the layer's own files to standard output")
    .argument('<layer>')
    .argument('<path>')
    .action((id: string, path: string, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        await using files = await store.graphDriver().diffGetter(id);
        const { output } = context.terminal;
        const options = { signal: context.signal, end: output !== process.stdout };
        await pipeline(await files.get(path), output, options);
      }),
    );
}

interface ApplyOptions {
  readonly parent?: string;
  readonly format?: ArchiveFormat;
}

function applyDiff(group: Command, run: Runner): void {
  group
    .command('apply-diff')
    .description('fill a layer that `create` has made, or a new one, from a tar archive; prints the size')
    .argument('<id>', 'id of the layer')
    .argument('<file>', 'the archive; - is standard input')
    .option('-p, --parent <layer>', 'the layer that it stands on')
    .addOption(new Option('--format <rules>', 'whose rules hold').choices(['oci', 'docker']))
    .action((id: string, file: string, { parent, format }: ApplyOptions, command) =>
      run(command, async (context) => {
        await using store = await context.openStore({ create: true });
        const { source, total } = await openSource(file);
        const line = progressLine(context.terminal, 'apply', total);
        const options = { format, onProgress: line.update, signal: context.signal };
        const applying = store.graphDriver().applyDiff(id, parent, source, options);
        const { layer, ...numbers } = await applying.finally(line.clear);
        print(context, { ...(await layerFacts(layer)), ...numbers }, ({ size }) => `${size}\n`);
      }),
    );
}
