// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { AufsError } from '../errors.ts';
import { exists } from '../store/exists.ts';
import type { Abortable } from '../store/layer.ts';
import { newLayerId } from '../store/layer_id.ts';
import { publishLayer } from '../store/publish_layer.ts';
import type { Store } from '../store/store.ts';
import type { DockerContainer } from './docker_container.ts';
import type { DockerLayer } from './docker_layer.ts';
import { type DockerLayout, isContainerId } from './docker_layout.ts';
import { liveData, removeEntry } from './entry_data.ts';
import { fillInitLayer } from './init_layer.ts';
import { dropDriverLayer, needParent } from './register_layer.ts';
import { Transaction, withDatabaseLock } from './transaction.ts';

/** Makes what a container writes to: its own layer, on one with the files that Docker mounts over, on the image. */
export async function createContainer(
  layout: DockerLayout,
  driver: Store,
  id: string,
  image: DockerLayer | undefined,
  { signal }: Abortable,
): Promise<void> {
  if (!isContainerId(id)) {
    throw new AufsError('ERR_LAYER_ID', `${JSON.stringify(id)} is not a container id`, {
      hint: "give letters, digits, '_', '.', '-', at most 128",
      id,
    });
  }
  const mountId = newLayerId();
  const initId = `${mountId}-init`;
  const place = join(layout.mounts, id);
  const transaction = await Transaction.begin(layout, signal);
  try {
    await transaction.set('mount-id', mountId);
    await transaction.set('init-id', initId);
    if (image !== undefined) await transaction.set('parent', image.chainId);
    const below = image?.branches().map(({ path }) => path) ?? [];
    const fill = (diff: string) => fillInitLayer(diff, below);
    const init = { id: initId, parent: image?.cacheId, readOnly: false, labels: {}, fill, signal };
    await publishLayer(layout.driver, init);
    await driver.createLayer({ id: mountId, parent: initId, signal });
    const commit = async (): Promise<void> => {
      if (await exists(place)) throw alreadyThere(layout, id);
      if (image !== undefined) await needParent(layout, image.chainId);
      await transaction.commit(place);
    };
    await withDatabaseLock(layout, commit, signal);
  } finally {
    await transaction.end(async () => {
      for (const each of [mountId, initId]) await dropDriverLayer(driver, each);
    });
  }
}

/**
 * Removes a container: its entry goes aside, where an interruption leaves it to be collected, then its layers go, but for what another
 * entry names. The caller holds the lock of the database.
 *
 * @throws {AufsError} `ERR_LAYER_MOUNTED`, `ERR_BRANCH_BUSY`, `ERR_LAYER_HAS_CHILDREN`; everything is as it was then.
 */
export async function removeContainer(
  layout: DockerLayout,
  driver: Store,
  { id }: DockerContainer,
): Promise<void> {
  const aside = join(layout.transactions, `write-set-${newLayerId().slice(0, 12)}`);
  await removeEntry(driver, join(layout.mounts, id), aside, () => liveData(layout));
}

function alreadyThere(layout: DockerLayout, id: string): AufsError {
  return new AufsError('ERR_LAYER_EXISTS', `there is a container ${id} in ${layout.root} already`, {
    hint: 'give another id, or remove that one first',
    id,
  });
}
