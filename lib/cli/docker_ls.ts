// SPDX-License-Identifier: MIT
import type { DockerContents, DockerFinding } from '../docker/index.ts';
import { shortId } from '../store/layer_id.ts';
import { openDocker } from './open_docker.ts';
import { columns, humanBytes, printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker ls`: layers, containers and images. */
export const dockerLs: Verb = (program, run) => {
  program
    .command('ls')
    .description('list layers, containers and images, and what had to be left out')
    .action((_options: object, command) =>
      run(command, async (context) => {
        const contents = await (await openDocker(context)).contents();
        print(context, toFacts(contents), () => describe(contents));
      }),
    );
};

/** The contents as plain data; what is not there is null. */
function toFacts({ layers, containers, images, skipped }: DockerContents) {
  return {
    layers: layers.map(({ chainId, diffId, cacheId, parent = null, parents, size, diffPath }) => {
      return { chainId, diffId, cacheId, parent, parents, size, diffPath };
    }),
    containers: containers.map(({ id, mountId, initId = null, parent = null, diffPath }) => {
      return { id, mountId, initId, parent, diffPath };
    }),
    images: images.map(({ chainId = null, architecture = null, os = null, created = null, ...image }) => {
      return { ...image, chainId, architecture, os, created };
    }),
    skipped: skipped.map(findingFacts),
  };
}

export function findingFacts({ kind, id, path, means }: DockerFinding) {
  return { kind, id: id ?? null, path, means };
}

function describe({ layers, containers, images, skipped }: DockerContents): string {
  const imagesOf = (id: string): string =>
    images
      .filter(({ chainId }) => chainId === id)
      .map((image) => image.names[0] ?? shortId(image.id))
      .join(', ');
  return [
    columns([
      ['LAYER', 'PARENT', 'CACHE ID', 'SIZE', 'IMAGES'],
      ...layers.map(({ chainId, parent, cacheId, size }) => [
        shortId(chainId),
        parent === undefined ? '-' : shortId(parent),
        shortId(cacheId),
        humanBytes(size),
        printable(imagesOf(chainId)),
      ]),
    ]),
    columns([
      ['CONTAINER', 'LAYER', 'MOUNT ID'],
      ...containers.map(({ id, parent, mountId }) => [
        printable(shortId(id)),
        parent === undefined ? '-' : shortId(parent),
        shortId(mountId),
      ]),
    ]),
    ...skipped.map(describeFinding),
  ].join('');
}

/** `KIND  PATH`, and what it means. */
export function describeFinding({ kind, id, path, means }: DockerFinding): string {
  const whose = id === undefined ? '' : `${printable(id)}: `;
  return `${kind}  ${printable(path)}\n    ${whose}${printable(means)}\n`;
}
