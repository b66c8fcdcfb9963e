// SPDX-License-Identifier: MIT
import { print, type Verb } from './verb.ts';

/** `node-aufs layer index`: the chain index of a layer, before a mount makes it. */
export const layerIndex: Verb = (program, run) => {
  program
    .command('index')
    .description('make the index of a layer and all below it now, so that the first mount over it has one')
    .argument('<layer>', 'a layer: its id, name, or a unique beginning of its id')
    .action((name: string, _options: unknown, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const layer = await store.layer(name);
        await layer.index({ signal: context.signal });
        if (context.json) print(context, { id: layer.id }, () => '');
      }),
    );
};
