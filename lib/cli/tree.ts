// SPDX-License-Identifier: MIT
import type { LayerTree } from '../store/index.ts';
import { shortId } from '../store/layer_id.ts';
import { drawTree } from './draw_tree.ts';
import { humanBytes, printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs tree`: which layer stands on which. */
export const tree: Verb = (program, run) => {
  program
    .command('tree')
    .description('draw which layer stands on which')
    .option('-s, --size', 'add up the size of each layer')
    .action(({ size = false }: { size?: boolean }, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const roots = await store.tree({ size, signal: context.signal });
        print(context, { layers: roots }, () => drawTree(roots, describe));
      }),
    );
};

/** `ID  NAME  STATE  SIZE  key=value …` */
function describe({ id, name, labels, readOnly, mounted, size, problem }: LayerTree): string {
  const state = problem === null ? `${readOnly ? 'ro' : 'rw'}${mounted ? ',mounted' : ''}` : 'damaged';
  const others = Object.entries(labels).filter(([key]) => key !== 'name');
  return [
    shortId(id),
    ...(name === null ? [] : [printable(name)]),
    state,
    ...(size === null ? [] : [humanBytes(size)]),
    ...others.map(([key, value]) => printable(`${key}=${value}`)),
  ].join('  ');
}
