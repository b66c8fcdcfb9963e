// SPDX-License-Identifier: MIT
import { openDocker } from './open_docker.ts';
import { progressLine } from './progress_line.ts';
import { print, type Verb } from './verb.ts';
import { type ArchiveTarget, refuseTerminal, writeArchive } from './write_archive.ts';

/** `node-aufs docker export`: the archive of a layer, byte for byte. */
export const dockerExport: Verb = (program, run) => {
  program
    .command('export')
    .description('write the archive that a layer was made of, byte for byte, to standard output or a file')
    .argument('<layer>', 'chain id, image name, image id, or a unique beginning of an id')
    .option('-o, --output <file>', 'write it there and print its diff id')
    .option('-z, --gzip', 'compress it')
    .action((name: string, target: ArchiveTarget, command) =>
      run(command, async (context) => {
        refuseTerminal(context, target);
        const layer = await (await openDocker(context)).layer(name);
        const line = progressLine(context.terminal, 'export');
        const archive = layer.archive({ onProgress: line.update, signal: context.signal });
        const written = await writeArchive(context, archive, target).finally(line.clear);
        const { output } = target;
        if (output === undefined) return;
        print(context, { layer: layer.chainId, output, ...written }, ({ diffId }) => `${diffId}\n`);
      }),
    );
};
