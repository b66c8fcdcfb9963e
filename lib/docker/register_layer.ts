// SPDX-License-Identifier: MIT
import { AufsError, hasCode } from '../errors.ts';
import type { ApplyOptions } from '../store/archive_options.ts';
import type { ByteSource } from '../store/chunks.ts';
import { type ChainId, chainId } from '../store/content_id.ts';
import { newLayerId } from '../store/layer_id.ts';
import { KEEP_LABEL } from '../store/references.ts';
import type { Store } from '../store/store.ts';
import type { DockerLayer } from './docker_layer.ts';
import type { DockerLayout } from './docker_layout.ts';
import { isDirectory } from './read_layers.ts';
import { Transaction, withDatabaseLock } from './transaction.ts';

export type RegisterOptions = Pick<
  ApplyOptions,
  'expectedDiffId' | 'maxBytes' | 'maxEntries' | 'onProgress' | 'signal'
>;

/**
 * Makes a layer of an archive, on `parent`: content in `aufs/`, then its entry, renamed into place whole. A chain id that is there
 * already stays as it is, and the new content is thrown away.
 *
 * @param hold - Called when it is there, before anybody else can remove it.
 * @returns Its chain id, and whether it was there.
 */
export async function registerLayer(
  layout: DockerLayout,
  driver: Store,
  source: ByteSource,
  parent: DockerLayer | undefined,
  options: RegisterOptions,
  hold: (id: ChainId) => void,
): Promise<{ readonly id: ChainId; readonly existed: boolean }> {
  const cacheId = newLayerId();
  const { signal } = options;
  const transaction = await Transaction.begin(layout, signal);
  try {
    await transaction.set('cache-id', cacheId);
    // Docker, too, refuses a name that comes twice: its record could not give the archive again.
    const rules = { format: 'docker', exact: true } as const;
    // For whoever collects garbage in `aufs/` alone.
    const labels = { [KEEP_LABEL]: 'docker' };
    const made = { ...options, ...rules, labels, id: cacheId, parent: parent?.cacheId };
    const { diffId, size } = await driver.apply(source, made);
    const id = chainId(parent?.chainId, diffId);
    await transaction.set('diff', diffId);
    await transaction.set('size', `${size}`);
    if (parent !== undefined) await transaction.set('parent', parent.chainId);
    await transaction.copy('tar-split.json.gz', layout.driver.recordFile(cacheId));
    const commit = async (): Promise<void> => {
      if (!(await isDirectory(layout.layer(id)))) {
        if (parent !== undefined) await needParent(layout, parent.chainId);
        await transaction.commit(layout.layer(id));
      }
      hold(id);
    };
    await withDatabaseLock(layout, commit, signal);
    return { id, existed: !transaction.committed };
  } finally {
    await transaction.end(() => dropDriverLayer(driver, cacheId));
  }
}

/** @throws {AufsError} `ERR_PARENT_NOT_FOUND` if the layer was removed meanwhile. */
export async function needParent(layout: DockerLayout, parent: ChainId): Promise<void> {
  if (await isDirectory(layout.layer(parent))) return;
  throw new AufsError('ERR_PARENT_NOT_FOUND', `no layer ${parent} in ${layout.root} to stand on`, {
    hint: 'list the layers with: node-aufs docker ls',
    id: parent,
  });
}

/** Removes a layer of `aufs/`, if there is one. */
export async function dropDriverLayer(driver: Store, id: string): Promise<void> {
  try {
    await (await driver.layer(id, { damaged: true })).remove();
  } catch (error) {
    if (!hasCode(error, 'ERR_LAYER_NOT_FOUND')) throw error;
  }
}
