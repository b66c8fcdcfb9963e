// SPDX-License-Identifier: MIT
import { print, type Verb } from './verb.ts';

/** `node-aufs rm`: removes layers. */
export const rm: Verb = (program, run) => {
  program
    .command('rm')
    .description('remove layers that are not mounted and that no other stands on; prints their ids')
    .argument('<layer...>', 'ids of layers or unique beginnings of them')
    .action((ids: string[], _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const removed: string[] = [];
        for (const id of ids) {
          const layer = await store.layer(id, { damaged: true });
          await layer.remove({ signal: context.signal });
          removed.push(layer.id);
          if (!context.json) context.terminal.stdout(`${layer.id}\n`);
        }
        if (context.json) print(context, { removed }, () => '');
      }),
    );
};
