// SPDX-License-Identifier: MIT
import { openDocker } from './open_docker.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker release`: removes a layer that nothing needs; prints the chain ids of what went. */
export const dockerRelease: Verb = (program, run) => {
  program
    .command('release')
    .description('remove a layer, and those below it, as far as nothing needs them, while Docker is stopped')
    .argument('<layer>', 'chain id, image name, image id, or a unique beginning of an id')
    .action((name: string, _options: object, command) =>
      run(command, async (context) => {
        const store = await openDocker(context, { readOnly: false });
        const { chainId } = await store.layer(name);
        const removed = await store.release(chainId, { signal: context.signal });
        print(context, { chainId, removed }, () => removed.map((layer) => `${layer.chainId}\n`).join(''));
        if (removed.length > 0 || context.json) return;
        context.terminal.stderr(`${chainId} stays: a layer, a container, an image or a mount needs it\n`);
      }),
    );
};
