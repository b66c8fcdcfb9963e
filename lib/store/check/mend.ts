// SPDX-License-Identifier: MIT
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { binding } from '../../binding.ts';
import { native } from '../../errors.ts';
import { removeDeadMount } from '../../mount/remove_dead_mounts.ts';
import { formatChain } from '../chain_file.ts';
import { flushNames } from '../durability.ts';
import { writeDurably } from '../durable_file.ts';
import type { Layout } from '../layout.ts';
import { writeMetadata } from '../metadata.ts';
import { makeDirectory } from '../own_folders.ts';
import { dropHalfMade } from '../publish_layer.ts';
import type { Fault, Mend } from './finding.ts';

/** Puts a fault right; says why it could not, where the system refused. The caller holds the store's lock. */
export async function mendFault(layout: Layout, { mend }: Fault): Promise<string | undefined> {
  if (mend === undefined) return undefined;
  try {
    await apply(layout, mend);
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error.message;
    throw error;
  }
}

async function apply(layout: Layout, mend: Mend): Promise<void> {
  switch (mend.does) {
    case 'remove-tree':
      return native(binding().removeTree(mend.path));
    case 'remove-file':
      await rm(mend.path, { force: true });
      return flushNames(layout.durability, dirname(mend.path));
    case 'remove-empty':
      return rmdir(mend.path);
    case 'make-directory':
      return makeDirectory(mend.path, 0o755);
    case 'unmount':
      return removeDeadMount(mend.path);
    case 'drop-half-made':
      return dropHalfMade(layout, mend.id);
    case 'write-chain':
      return writeDurably(layout.chain(mend.id), formatChain(mend.parents), layout.durability);
    case 'write-metadata':
      return writeMetadata(layout, mend.id, mend.metadata);
  }
}
