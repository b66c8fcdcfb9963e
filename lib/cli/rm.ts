// SPDX-License-Identifier: MIT
import { describeHolders } from '../mount/holders.ts';
import type { RemovedLayer } from '../store/index.ts';
import { type Context, print, type Verb } from './verb.ts';

/** `node-aufs rm`: removes layers. */
export const rm: Verb = (program, run) => {
  program
    .command('rm')
    .description('remove layers that no other stands on; prints their ids')
    .argument('<layer...>', 'layers: ids, names, or unique beginnings of ids')
    .option(
      '-f, --force',
      'unmount them first, also if somebody uses the mount; their data goes with the last user',
    )
    .action((ids: string[], { force = false }: { force?: boolean }, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const removed: string[] = [];
        const deferred: RemovedLayer[] = [];
        for (const id of ids) {
          const layer = await store.layer(id, { damaged: true });
          const result = await layer.remove({ force, signal: context.signal });
          removed.push(layer.id);
          if (result.deferred) deferred.push(result);
          if (!context.json) context.terminal.stdout(`${layer.id}\n`);
          if (!context.json) tellDeferred(context, result);
        }
        if (context.json) print(context, { removed, deferred }, () => '');
      }),
    );
};

/** Says on standard error who keeps the data of a removed layer from being freed. */
export function tellDeferred({ terminal }: Context, { id, deferred, holders }: RemovedLayer): void {
  if (!deferred) return;
  const who = holders.length === 0 ? 'somebody' : describeHolders(holders);
  terminal.stderr(`${id} is removed; its data is freed when it is no longer in use by ${who}\n`);
}
