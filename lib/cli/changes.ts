// SPDX-License-Identifier: MIT
import type { Change } from '../union.ts';
import { printable } from './terminal.ts';
import { type Context, print, type Verb } from './verb.ts';

/** `node-aufs changes`: what a layer changes, as `docker diff` prints it. */
export const changes: Verb = (program, run) => {
  program
    .command('changes')
    .description('list what a layer adds (A), changes (C) and deletes (D)')
    .argument('<layer>', 'a layer: its id, name, or a unique beginning of its id')
    .action((id: string, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const layer = await store.layer(id);
        const list = await layer.changes({ signal: context.signal });
        printChanges(context, layer.id, list);
      }),
    );
};

/** As `docker diff` does, or as JSON. */
export function printChanges(context: Context, layer: string, list: readonly Change[]): void {
  const changes = list.map(({ pathBytes, ...change }) => ({
    ...change,
    ...(pathBytes === undefined ? {} : { pathBase64: pathBytes.toString('base64') }),
  }));
  print(context, { layer, changes }, () =>
    list.map(({ kind, path }) => `${kind} ${printable(path)}\n`).join(''),
  );
}
