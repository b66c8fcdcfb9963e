// SPDX-License-Identifier: MIT
import { newLayerId } from '../store/layer_id.ts';
import { openDocker } from './open_docker.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker create-container`: what a container writes to; prints its id. */
export const dockerCreateContainer: Verb = (program, run) => {
  program
    .command('create-container')
    .description('make what a container writes to, on a layer, while Docker is stopped; prints its id')
    .argument('<layer>', 'chain id, image name, image id, or a unique beginning of an id')
    .option('--id <id>', "letters, digits, '_', '.', '-' (default: 64 random hexadecimal digits)")
    .action((name: string, { id = newLayerId() }: { id?: string }, command) =>
      run(command, async (context) => {
        const store = await openDocker(context, { readOnly: false });
        const container = await store.createContainer(id, name, { signal: context.signal });
        const { mountId, initId = null, parent = null, diffPath } = container;
        print(context, { id, mountId, initId, parent, diffPath }, () => `${id}\n`);
      }),
    );
};

/** `node-aufs docker rm-container`: removes a container with its changes. */
export const dockerRemoveContainer: Verb = (program, run) => {
  program
    .command('rm-container')
    .description(
      'remove a container with its changes, and layers that nothing needs any more, while Docker is stopped',
    )
    .argument('<container>', 'its id or a unique beginning of it')
    .action((name: string, _options: object, command) =>
      run(command, async (context) => {
        const store = await openDocker(context, { readOnly: false });
        const container = await store.container(name);
        const removed = await store.removeContainer(container, { signal: context.signal });
        const ids = [container.id, ...removed.map(({ chainId }) => chainId)];
        print(context, { id: container.id, removed }, () => ids.map((id) => `${id}\n`).join(''));
      }),
    );
};
