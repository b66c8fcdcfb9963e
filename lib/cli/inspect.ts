// SPDX-License-Identifier: MIT
import type { LayerDescription } from '../store/index.ts';
import { columns, humanBytes, printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs inspect`: everything that is known of a layer. */
export const inspect: Verb = (program, run) => {
  program
    .command('inspect')
    .description('tell everything that is known of a layer')
    .argument('<layer>', 'id of a layer, a unique beginning of it, or the value of its label `name`')
    .action((id: string, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        print(context, await store.inspect(id, { signal: context.signal }), describe);
      }),
    );
};

function describe(layer: LayerDescription): string {
  const { usage, mount } = layer;
  const rows: readonly (readonly [string, string | null])[] = [
    ['id', layer.id],
    ['name', layer.name],
    ['problem', layer.problem],
    ['state', layer.readOnly ? 'read-only' : 'writable'],
    [
      'mounted',
      mount === null
        ? null
        : `${mount.type}, ${mount.readOnly ? 'ro' : 'rw'}, server ${mount.servers.join(' ')}`,
    ],
    ['held by', layer.reference],
    ['created', layer.created],
    ['depth', String(layer.depth)],
    ...layer.parents.map((id, i) => [i === 0 ? 'parents' : '', id] as const),
    ...layer.children.map((id, i) => [i === 0 ? 'children' : '', id] as const),
    ...Object.entries(layer.labels).map(
      ([key, value], i) => [i === 0 ? 'labels' : '', `${key}=${value}`] as const,
    ),
    ['diff id', layer.diffId],
    ['chain id', layer.chainId],
    ['record', layer.recordBytes === null ? null : humanBytes(layer.recordBytes)],
    [
      'size',
      `${humanBytes(usage.apparentBytes)}, ${humanBytes(usage.bytesOnDisk)} on disk, ${usage.entries} entries`,
    ],
    ['diff', layer.diffPath],
    ['mount', layer.mountPath],
  ];
  return columns(rows.flatMap(([name, value]) => (value === null ? [] : [[name, printable(value)]])));
}
