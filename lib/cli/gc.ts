// SPDX-License-Identifier: MIT
import type { GcReport } from '../store/index.ts';
import { columns, humanBytes, printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly all?: boolean;
  readonly keep?: readonly string[];
}

/** `node-aufs gc`: removes what nothing references. */
export const gc: Verb = (program, run) => {
  program
    .command('gc')
    .description('remove leftovers, and read-only layers labelled `cache` that nothing references')
    .option('-n, --dry-run', 'say what would be removed, and remove nothing')
    .option('--all', 'also read-only layers that are not labelled `cache`')
    .option('--keep <layer...>', 'layers that stay, with all that they stand on')
    .action((options: Options, command) =>
      run(command, async (context) => {
        // Opening would sweep leftovers, which --dry-run must not.
        await using store = await context.openStore({ sweep: false });
        print(context, await store.gc({ ...options, signal: context.signal }), describe);
      }),
    );
};

function describe({ dryRun, layers, leftovers, bytes }: GcReport): string {
  const rows = [
    ...layers.map((layer) => [layer.id, humanBytes(layer.bytes)]),
    ...leftovers.map((leftover) => [printable(leftover.path), humanBytes(leftover.bytes)]),
  ];
  return `${columns(rows)}${dryRun ? 'would remove' : 'removed'} ${layers.length} layers and ${leftovers.length} leftovers, ${humanBytes(bytes)}\n`;
}
