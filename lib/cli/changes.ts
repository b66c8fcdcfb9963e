// SPDX-License-Identifier: MIT
import { printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs changes`: what a layer changes, as `docker diff` prints it. */
export const changes: Verb = (program, run) => {
  program
    .command('changes')
    .description('list what a layer adds (A), changes (C) and deletes (D)')
    .argument('<layer>', 'id of a layer or a unique beginning of it')
    .action((id: string, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const layer = await store.layer(id);
        const list = await layer.changes({ signal: context.signal });
        const found = list.map(({ pathBytes, ...change }) => ({
          ...change,
          ...(pathBytes === undefined ? {} : { pathBase64: pathBytes.toString('base64') }),
        }));
        print(context, { layer: layer.id, changes: found }, () =>
          list.map(({ kind, path }) => `${kind} ${printable(path)}\n`).join(''),
        );
      }),
    );
};
