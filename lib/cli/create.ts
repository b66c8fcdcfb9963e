// SPDX-License-Identifier: MIT

import { layerFacts } from './ls.ts';
import { collectLabel, print, type Verb } from './verb.ts';

interface Options {
  readonly parent?: string;
  readonly id?: string;
  readonly from?: string;
  readonly at?: string;
  readonly readOnly?: boolean;
  readonly label?: Record<string, string>;
}

/** `node-aufs create`: makes a layer, and the store if there is none yet; prints the id. */
export const create: Verb = (program, run) => {
  program
    .command('create')
    .description('make a layer, on top of another or as a base; prints its id')
    .option('-p, --parent <layer>', 'the layer to stand on')
    .option('--id <id>', 'id of the new layer: 64 hexadecimal digits (default: random)')
    .option('--from <directory>', 'fill it with a copy of this directory; such a layer is read-only')
    .option('--at <path>', 'where in the layer the copy goes (default: its root)')
    .option('--read-only', 'never to be mounted for writing')
    .option('--label <key=value>', 'keep this with the layer (repeatable)', collectLabel)
    .action((options: Options, command) =>
      run(command, async (context) => {
        await using store = await context.openStore({ create: true });
        const { label, ...rest } = options;
        const layer = await store.createLayer({ ...rest, labels: label, signal: context.signal });
        print(context, await layerFacts(layer), ({ id }) => `${id}\n`);
      }),
    );
};
