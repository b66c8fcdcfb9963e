// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream';
import type { ProduceHandle } from '../archive_binding.ts';
import { binding, type Change } from '../binding.ts';
import { Union } from '../union.ts';
import { archiveCall } from './archive_error.ts';
import { type ArchiveOptions, isDocker, resolveLatestTime } from './archive_options.ts';
import { commitReady } from './commit_ready.ts';
import { bytePath } from './compare_layers.ts';
import type { Layer } from './layer.ts';
import type { Layout } from './layout.ts';
import { byteStream, readChunks } from './produce_archive.ts';
import { bytes, dirname, join } from './union_view.ts';

/** How the changes of a layer to any other become an archive: made anew, always. */
export type TreeArchiveOptions = Omit<ArchiveOptions, 'exact'>;

const WHITEOUT = -1;

/**
 * An archive of `changes`, which leads to what `layer` shows when it is applied on what they were compared with. Each
 * entry comes from the topmost layer that has it; deletions are whiteouts; directories that an entry lies in come
 * along, for the topmost one's attributes are what a union shows. The stream fails as {@link Layer.archive} does.
 */
export function treeArchive(
  layout: Layout,
  layer: Layer,
  changes: () => Promise<readonly Change[]>,
  options: TreeArchiveOptions,
): Readable {
  const docker = isDocker(options.format);
  const latestTime = resolveLatestTime(options.latestTime);
  const open = async (): Promise<ProduceHandle> => {
    await commitReady(layout, layer, 'archive');
    const { paths, layers } = await pick(layer, await changes());
    const diffs = layer.branches(true).map(({ path }) => path);
    return binding().producePicked(
      diffs,
      paths.map(bytes),
      Int32Array.from(layers),
      docker,
      options.sparse ?? false,
      latestTime,
    );
  };
  return byteStream(chunks(layer, open, options.onProgress), options.signal);
}

async function* chunks(
  layer: Layer,
  open: () => Promise<ProduceHandle>,
  onProgress: ArchiveOptions['onProgress'],
): AsyncGenerator<Buffer, void, void> {
  const what = `layer ${layer.id}`;
  const handle = await archiveCall(open(), what);
  const close = () => binding().produceClose(handle);
  yield* readChunks((into) => binding().produceRead(handle, into), close, what, onProgress);
}

interface Picks {
  readonly paths: string[];
  readonly layers: number[];
}

/** Paths relative to the root, bytes one a character; layers as indexes into the branches of the layer. */
async function pick(layer: Layer, changes: readonly Change[]): Promise<Picks> {
  await using union = await Union.open({ branches: layer.branches(true) });
  const wanted = new Map<string, boolean>();
  for (const change of changes) {
    const path = bytePath(change);
    wanted.set(path, change.kind === 'D');
    for (let up = dirname(path); up !== '/'; up = dirname(up)) wanted.set(up, false);
  }
  const paths: string[] = [];
  const layers: number[] = [];
  const sorted = [...wanted].map(([path, gone]) => ({ path, gone, key: sortKey(path, gone) }));
  for (const { path, gone } of sorted.sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const branch = gone ? WHITEOUT : await union.which(bytes(path));
    paths.push((gone ? whiteoutOf(path) : path).slice(1));
    layers.push(branch);
  }
  return { paths, layers };
}

function whiteoutOf(path: string): string {
  return join(dirname(path), `.wh.${path.slice(path.lastIndexOf('/') + 1)}`);
}

/** A directory before what is in it, in each the whiteouts first, then bytes in their order. */
function sortKey(path: string, gone: boolean): string {
  const names = path.slice(1).split('/');
  const last = names.pop() ?? '';
  return [...names.map((name) => `\u0002${name}`), `${gone ? '\u0001' : '\u0002'}${last}`].join('\0');
}
