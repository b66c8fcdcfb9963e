// SPDX-License-Identifier: MIT
import { readdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AufsError, hasCode } from '../errors.ts';
import { checkDurability, type Durability } from './durability.ts';
import { Layout } from './layout.ts';
import { makeDirectory, makeOwnFolders } from './own_folders.ts';
import { probeRoot } from './probe_root.ts';
import { Store } from './store.ts';
import { sweep } from './sweep.ts';

export interface OpenStoreOptions {
  /** Makes the store if there is none; otherwise that is an error. @default true */
  readonly create?: boolean | undefined;
  /**
   * Finishes what a crash left half-done. Without it a store that is there is not touched: for a look at it as it is
   * ({@link Store.check}).
   * @default true
   */
  readonly sweep?: boolean | undefined;
  /**
   * What is on disk when a call returns, for this object: `none`: nothing that must be; `layer`: layers, whole, and removals;
   * `full`: also what was written into a mount that has been unmounted.
   * @default 'layer'
   */
  readonly durability?: Durability | undefined;
}

/**
 * Opens the layer store in the directory `root`, one that Docker made (`/var/lib/docker/aufs`) included, and
 * finishes what a crash left half-done in it.
 *
 * @throws {AufsError} `ERR_STORE` if there is none and `create` is false, or if `root` is something else;
 * `ERR_STORE_FILE_SYSTEM` if a new one cannot be held by the file system there, vfat for example.
 *
 * @example
 * await using store = await openStore('/var/lib/node-aufs');
 * const base = await store.createLayer({ from: '/usr/lib/node_modules' });
 * const layer = await store.createLayer({ parent: base });
 * await using mount = await layer.mount();
 */
export async function openStore(root: string, options: OpenStoreOptions = {}): Promise<Store> {
  const { create = true, sweep: sweeps = true, durability = 'layer' } = options;
  checkDurability(durability);
  const absolute = resolve(root);
  const isStore = await checkRoot(absolute, create);
  if (create) await makeDirectory(absolute, 0o710);
  const layout = new Layout(await realpath(absolute), durability);
  if (!isStore) await probeRoot(layout);
  if (sweeps || create) {
    for (const folder of [layout.diffs, layout.chains, layout.mountpoints])
      await makeDirectory(folder, 0o710);
  }
  if (sweeps) await takeCare(layout);
  return new Store(layout);
}

/**
 * A store has all three folders, and what is to become one is empty: nothing of the user's is taken for a
 * store.
 *
 * @returns whether it is one.
 */
async function checkRoot(root: string, create: boolean): Promise<boolean> {
  const names = await list(root);
  const folders = ['diff', 'layers', 'mnt'];
  if (names !== undefined && folders.every((name) => names.includes(name))) return true;
  // One that was being made when the power went has only some of them.
  const others = names?.filter((name) => !folders.includes(name) && name !== '.node-aufs') ?? [];
  if (others.length > 0) {
    throw new AufsError(
      'ERR_STORE',
      `${root} is no layer store, and not empty (${others.slice(0, 3).join(', ')} …)`,
      {
        hint: 'give the root of a store (it holds diff/, layers/ and mnt/) or a new directory',
        path: root,
      },
    );
  }
  if (create) return false;
  throw new AufsError('ERR_STORE', `there is no layer store in ${root}`, {
    hint: `make one with its first layer: node-aufs create --root ${root}`,
    path: root,
  });
}

async function list(root: string): Promise<string[] | undefined> {
  try {
    return await readdir(root);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw new AufsError('ERR_STORE', `cannot open the layer store in ${root}: ${(cause as Error).message}`, {
      hint: hasCode(cause, 'ENOTDIR')
        ? 'give a directory'
        : 'give a store of this user (--root), or run as its owner',
      path: root,
      cause,
    });
  }
}

/**
 * Makes what is ours alone, and finishes what a crash interrupted. Where this user or medium cannot be
 * written to, neither is done: such a store can be read.
 */
async function takeCare(layout: Layout): Promise<void> {
  try {
    await makeOwnFolders(layout);
    await sweep(layout);
  } catch (error) {
    if (!['EROFS', 'EACCES', 'EPERM'].some((code) => hasCode(error, code))) throw error;
  }
}
