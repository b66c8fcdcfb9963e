// SPDX-License-Identifier: MIT
import type { Command } from 'commander';
import type { GraphDriver } from '../store/index.ts';
import { driverDiff } from './driver_diff.ts';
import { ExitCode } from './exit_code.ts';
import { layerFacts } from './ls.ts';
import { tellDeferred } from './rm.ts';
import { type Context, collectLabel, print, type Runner, type Verb } from './verb.ts';

/** `node-aufs driver`: the store by the names of Docker's graph driver. */
export const driver: Verb = (program, run) => {
  const group = program.command('driver').description("the store by the names of Docker's graph driver");
  facts(group, run);
  for (const name of ['create', 'create-rw']) create(group, run, name);
  use(group, run);
  driverDiff(group, run);
};

function facts(group: Command, run: Runner): void {
  group
    .command('status')
    .description('what Docker says of its storage driver')
    .action((_options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const status = await store.graphDriver().status();
        print(context, { status }, () => status.map(([name, value]) => `${name}: ${value}\n`).join(''));
      }),
    );
  onLayer(group, run, 'exists', 'say if there is a layer with this id; if not, the exit status is 66', {
    async act(context, graph, id) {
      const exists = await graph.exists(id);
      print(context, { id, exists }, () => `${exists}\n`);
      if (!exists) context.exit(ExitCode.notFound);
    },
  });
  onLayer(group, run, 'get-metadata', 'null: the aufs driver has none', {
    async act(context, graph, id) {
      const metadata = await graph.getMetadata(id);
      print(context, { id, metadata }, () => `${metadata}\n`);
    },
  });
}

interface Action {
  act(context: Context, graph: GraphDriver, id: string): Promise<void>;
}

/** A command that takes one layer. */
function onLayer(group: Command, run: Runner, name: string, description: string, { act }: Action): void {
  group
    .command(name)
    .description(description)
    .argument('<layer>')
    .action((id: string, _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        await act(context, store.graphDriver(), id);
      }),
    );
}

interface CreateOptions {
  readonly label?: Record<string, string>;
  readonly storageOpt?: Record<string, string>;
}

function create(group: Command, run: Runner, name: string): void {
  group
    .command(name)
    .description('make an empty layer; prints its id')
    .argument('<id>', '64 hexadecimal digits')
    .argument('[parent]', 'the layer to stand on')
    .option('--label <key=value>', 'keep this with the layer (repeatable)', collectLabel)
    .option('--storage-opt <key=value>', 'refused: the aufs driver has none', collectLabel)
    .action((id: string, parent: string | undefined, { label, storageOpt }: CreateOptions, command) =>
      run(command, async (context) => {
        await using store = await context.openStore({ create: true });
        const options = { labels: label, storageOpt, signal: context.signal };
        const layer = await store.graphDriver().create(id, parent, options);
        print(context, await layerFacts(layer), (made) => `${made.id}\n`);
      }),
    );
}

function use(group: Command, run: Runner): void {
  onLayer(group, run, 'get', 'mount a layer unless it is mounted; prints where it can be used', {
    async act(context, graph, id) {
      const path = await graph.get(id);
      print(context, { id, path }, () => `${path}\n`);
    },
  });
  onLayer(group, run, 'put', 'unmount a layer unless a living process has taken it', {
    async act(context, graph, id) {
      await graph.put(id);
      if (context.json) print(context, { id }, () => '');
    },
  });
  onLayer(group, run, 'remove', 'remove a layer, mounted or not; one that is not there is no error', {
    async act(context, graph, id) {
      const removed = await graph.remove(id, { signal: context.signal });
      if (context.json) print(context, { removed: removed ?? null }, () => '');
      else if (removed !== undefined) tellDeferred(context, removed);
    },
  });
  group
    .command('cleanup')
    .description('unmount what was taken and no living process has taken any more')
    .action((_options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        await store.graphDriver().cleanup();
        if (context.json) print(context, {}, () => '');
      }),
    );
}
