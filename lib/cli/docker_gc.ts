// SPDX-License-Identifier: MIT
import { openDocker } from './open_docker.ts';
import { printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker gc`: finishes what was interrupted. */
export const dockerGc: Verb = (program, run) => {
  program
    .command('gc')
    .description('remove what an interrupted making or deletion left, with its data, while Docker is stopped')
    .action((_options: object, command) =>
      run(command, async (context) => {
        // Opening would do it, and not say what it did.
        const store = await openDocker(context, { readOnly: false, gc: false });
        const report = await store.gc({ signal: context.signal });
        print(context, report, ({ removed, kept }) =>
          [
            ...removed.map((path) => `removed  ${printable(path)}\n`),
            ...kept.map((path) => `in use   ${printable(path)}\n`),
            `removed ${removed.length} leftovers, ${kept.length} are in use\n`,
          ].join(''),
        );
      }),
    );
};
