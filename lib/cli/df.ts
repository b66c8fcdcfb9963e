// SPDX-License-Identifier: MIT
import type { LayerUsage, StoreUsage } from '../store/index.ts';
import { shortId } from '../store/layer_id.ts';
import { columns, humanBytes } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs df`: what the layers take. */
export const df: Verb = (program, run) => {
  program
    .command('df')
    .description('say what each layer takes on disk, and what would become free')
    .action((_options: object, command) =>
      run(command, async (context) => {
        // Opening would sweep the leftovers that are counted here.
        await using store = await context.openStore({ sweep: false });
        print(context, await store.df({ signal: context.signal }), table);
      }),
    );
};

function table({ layers, leftoverBytes, total }: StoreUsage): string {
  const head = ['LAYER', 'ON DISK', 'APPARENT', 'ENTRIES', 'SHARED', 'RECLAIMABLE', 'HELD BY'];
  const leftovers =
    leftoverBytes === 0
      ? []
      : [['leftovers', humanBytes(leftoverBytes), '', '', '', humanBytes(leftoverBytes), '-']];
  const rows = layers.map((layer) => row(shortId(layer.id), layer, layer.reference ?? '-'));
  return columns([head, ...rows, ...leftovers, row('total', total, '')]);
}

function row(name: string, usage: Omit<LayerUsage, 'id' | 'reference'>, held: string): string[] {
  const { bytesOnDisk, apparentBytes, entries, sharedBytes, reclaimable } = usage;
  return [
    name,
    humanBytes(bytesOnDisk),
    humanBytes(apparentBytes),
    String(entries),
    sharedBytes === null ? 'n/a' : humanBytes(sharedBytes),
    humanBytes(reclaimable),
    held,
  ];
}
