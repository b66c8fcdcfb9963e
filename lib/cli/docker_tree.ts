// SPDX-License-Identifier: MIT
import type { DockerContents } from '../docker/index.ts';
import { shortId } from '../store/layer_id.ts';
import { drawTree } from './draw_tree.ts';
import { openDocker } from './open_docker.ts';
import { humanBytes, printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** A layer or a container, and what stands on it. */
interface Node {
  readonly kind: 'layer' | 'container';
  readonly id: string;
  /** Null for a container: nobody has counted. */
  readonly size: number | null;
  /** Names of images whose topmost layer this is. */
  readonly names: readonly string[];
  readonly children: Node[];
}

/** `node-aufs docker tree`: which layer stands on which, and containers on top. */
export const dockerTree: Verb = (program, run) => {
  program
    .command('tree')
    .description('draw which layer stands on which, and containers on top')
    .action((_options: object, command) =>
      run(command, async (context) => {
        const layers = toTree(await (await openDocker(context)).contents());
        print(context, { layers }, () => drawTree(layers, describe));
      }),
    );
};

function toTree({ layers, containers, images }: DockerContents): Node[] {
  const nodes = new Map<string, Node>();
  for (const { chainId: id, size } of layers) {
    const names = images.filter(({ chainId }) => chainId === id).flatMap((image) => image.names);
    nodes.set(id, { kind: 'layer', id, size, names, children: [] });
  }
  const roots: Node[] = [];
  const place = (parent: string | undefined, node: Node): void => {
    const above = parent === undefined ? undefined : nodes.get(parent);
    (above?.children ?? roots).push(node);
  };
  for (const { chainId, parent } of layers) {
    const node = nodes.get(chainId);
    if (node !== undefined) place(parent, node);
  }
  for (const { id, parent } of containers) {
    place(parent, { kind: 'container', id, size: null, names: [], children: [] });
  }
  return roots;
}

/** `ID  SIZE  NAME …` */
function describe({ kind, id, size, names }: Node): string {
  const what = kind === 'container' ? ['container'] : [];
  return [
    printable(shortId(id)),
    ...what,
    ...(size === null ? [] : [humanBytes(size)]),
    ...names.map(printable),
  ].join('  ');
}
