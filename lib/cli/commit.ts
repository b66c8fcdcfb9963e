// SPDX-License-Identifier: MIT
import { layerFacts } from './ls.ts';
import { collectLabel, print, type Verb } from './verb.ts';

interface Options {
  readonly id?: string;
  readonly label?: Record<string, string>;
}

/** `node-aufs commit`: a new read-only layer with the changes of another; prints its id. */
export const commit: Verb = (program, run) => {
  program
    .command('commit')
    .description('make a read-only layer with the changes of this one; prints its id')
    .argument('<layer>', 'a layer that is not mounted: its id, name, or a unique beginning of its id')
    .option('--id <id>', 'id of the new layer (default: random)')
    .option('--label <key=value>', 'keep this with the new layer (repeatable)', collectLabel)
    .action((id: string, options: Options, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const layer = await store.layer(id);
        const committed = await layer.commit({
          id: options.id,
          labels: options.label,
          signal: context.signal,
        });
        print(context, await layerFacts(committed), (facts) => `${facts.id}\n`);
      }),
    );
};
