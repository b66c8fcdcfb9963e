// SPDX-License-Identifier: MIT
import type { Layer } from '../store/index.ts';
import { shortId } from '../store/layer_id.ts';
import { columns, humanBytes } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** A layer as commands print it. */
export interface LayerFacts {
  readonly id: string;
  readonly parent: string | null;
  readonly parents: readonly string[];
  readonly readOnly: boolean;
  readonly mounted: boolean;
  readonly created: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly diffPath: string;
  readonly mountPath: string;
  /** Why it cannot be used. */
  readonly problem: string | null;
}

export async function layerFacts(layer: Layer): Promise<LayerFacts> {
  const { id, parents, readOnly, labels, diffPath, mountPath } = layer;
  const created = layer.created?.toISOString() ?? null;
  const problem = layer.problem?.message ?? null;
  const mounted = await layer.mounted();
  return {
    id,
    parent: layer.parent ?? null,
    parents,
    readOnly,
    mounted,
    created,
    labels,
    diffPath,
    mountPath,
    problem,
  };
}

/** `node-aufs ls`: the layers of the store. */
export const ls: Verb = (program, run) => {
  program
    .command('ls')
    .description('list the layers of the store')
    .option('-q, --quiet', 'print ids only, in full')
    .option('-s, --size', 'add up the size of each layer')
    .action(({ quiet = false, size = false }: { quiet?: boolean; size?: boolean }, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        const layers = await Promise.all(
          (await store.layers()).map(async (layer) => ({
            ...(await layerFacts(layer)),
            ...(size ? { size: await layer.diffSize() } : {}),
          })),
        );
        print(context, { layers }, () =>
          quiet ? layers.map(({ id }) => `${id}\n`).join('') : table(layers),
        );
      }),
    );
};

function table(layers: readonly (LayerFacts & { readonly size?: number })[]): string {
  const sized = layers.some(({ size }) => size !== undefined);
  const head = ['LAYER', 'PARENT', 'DEPTH', 'STATE', 'CREATED', ...(sized ? ['SIZE'] : [])];
  const rows = layers.map((layer) => [
    shortId(layer.id),
    layer.parent === null ? '-' : shortId(layer.parent),
    String(layer.parents.length + 1),
    stateOf(layer),
    layer.created?.replace(/\.\d+Z$/, 'Z') ?? '-',
    ...(sized ? [humanBytes(layer.size ?? 0)] : []),
  ]);
  return columns([head, ...rows]);
}

function stateOf({ problem, readOnly, mounted }: LayerFacts): string {
  if (problem !== null) return 'damaged';
  return [readOnly ? 'ro' : 'rw', ...(mounted ? ['mounted'] : [])].join(',');
}
