// SPDX-License-Identifier: MIT
import { type ChainId, chainIdOf, type DiffId, parseDiffId } from './content_id.ts';
import type { Layout } from './layout.ts';
import { readMetadata } from './metadata.ts';

/** The chain id of a layer of our own store; undefined unless the diff ids of all layers down to the base are known. */
export async function layerChainId(
  layout: Layout,
  ids: readonly [id: string, ...parents: string[]],
): Promise<ChainId | undefined> {
  const diffIds: DiffId[] = [];
  for (const id of ids.toReversed()) {
    const diffId = (await readMetadata(layout, id))?.diffId;
    if (diffId === undefined) return undefined;
    diffIds.push(parseDiffId(diffId));
  }
  return chainIdOf(diffIds);
}
