// SPDX-License-Identifier: MIT
import type { DockerContainer, DockerLayer, DockerStore } from '../docker/index.ts';
import { AufsError, hasCode } from '../errors.ts';
import { layerOptions } from './mount.ts';
import { openDocker } from './open_docker.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker mount`: a layer, an image or a container on a directory. */
export const dockerMount: Verb = (program, run) => {
  program
    .command('mount')
    .description('mount a layer, an image or a container on an empty directory, read-only')
    .argument('<what>', 'chain id, image name, image id or container id, or a unique beginning of an id')
    .argument('<target>', 'the directory')
    .option(
      '-o <options>',
      'ro, rw (a container only, and only while Docker is stopped), allow_other, nodirren, volatile',
    )
    .action((what: string, target: string, { o = '' }: { o?: string }, command) =>
      run(command, async (context) => {
        // In Docker's root nothing of ours is kept.
        const { chainIndex: _, ...options } = layerOptions(o);
        const readOnly = options.readOnly !== false;
        const store = await openDocker(context, { readOnly });
        const found = await find(store, what);
        if (!readOnly && !('mountId' in found)) {
          throw new AufsError('ERR_LAYER_READ_ONLY', `cannot mount layer ${found.chainId} for writing`, {
            hint: 'a layer of an image never changes; mount it read-only, or a container that stands on it',
            id: found.chainId,
          });
        }
        const mounted = await found.mount(target, {
          ...options,
          readOnly,
          persist: true,
          signal: context.signal,
        });
        const id = 'mountId' in found ? found.id : found.chainId;
        if (context.json) print(context, { id, target: mounted.target, driver: mounted.driver }, () => '');
      }),
    );
};

async function find(store: DockerStore, what: string): Promise<DockerLayer | DockerContainer> {
  try {
    return await store.layer(what);
  } catch (error) {
    if (!hasCode(error, 'ERR_LAYER_NOT_FOUND')) throw error;
    return store.container(what);
  }
}
