// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binding, type LockHandle } from '../binding.ts';
import { native } from '../errors.ts';
import type { Layout } from './layout.ts';

/**
 * Locks of a store. They hold between processes and between calls of one process, and the kernel releases
 * them when a process ends, however it ends. Readers take none.
 *
 * Order: a layer before its parent, so nobody waits in a circle. Nothing is copied while a parent is locked.
 *
 * Whoever holds a layer's lock also holds the store's lock, shared; it is exclusive only while lock files of
 * layers that are gone are deleted, so that nobody holds a lock on a file that has no name any more.
 */

/** Runs `work` while nobody else makes, mounts, commits or removes this layer. Waits for whoever does. */
export async function withLayerLock<T>(
  layout: Layout,
  id: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const store = await waitFor(storeLock(layout), false, signal);
  try {
    const layer = await waitFor(layout.lock(id), true, signal);
    try {
      return await work();
    } finally {
      binding().unlock(layer);
    }
  } finally {
    binding().unlock(store);
  }
}

/**
 * As {@link withLayerLock}, but does nothing if somebody else is busy with the layer; says whether `work`
 * ran.
 */
export async function tryLayerLock(layout: Layout, id: string, work: () => Promise<void>): Promise<boolean> {
  const store = await take(storeLock(layout), false);
  if (store === null) return false;
  try {
    const layer = await take(layout.lock(id), true);
    if (layer === null) return false;
    try {
      await work();
      return true;
    } finally {
      binding().unlock(layer);
    }
  } finally {
    binding().unlock(store);
  }
}

/** Runs `work` while nobody makes, mounts, commits or removes any layer of the store. Waits for whoever does. */
export async function withStoreLock<T>(
  layout: Layout,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const store = await waitFor(storeLock(layout), true, signal);
  try {
    return await work();
  } finally {
    binding().unlock(store);
  }
}

/** Runs `work` if nobody holds any lock of the store. */
export async function tryStoreLock(layout: Layout, work: () => Promise<void>): Promise<void> {
  const store = await take(storeLock(layout), true);
  if (store === null) return;
  try {
    await work();
  } finally {
    binding().unlock(store);
  }
}

/**
 * Runs `work` while nobody else does anything to `what`, which is not a layer. Its lock file has the form of a layer's and
 * goes when those of layers that are gone do. Taken before a layer's lock.
 */
export async function withNamedLock<T>(
  layout: Layout,
  what: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return withLayerLock(layout, namedLock(what), work, signal);
}

/** What the lock on `what`, which is not a layer, is called: has the form of a layer's id. */
export function namedLock(what: string): string {
  return createHash('sha256').update(what).digest('hex');
}

/** Runs `work` while nobody else does anything under the lock of this directory. Taken before a layer's lock. */
export async function withDirectoryLock<T>(
  path: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const lock = await askFor(() => native(binding().flock(path, true), { path }), signal);
  try {
    return await work();
  } finally {
    binding().unlock(lock);
  }
}

function storeLock(layout: Layout): string {
  return join(layout.own, 'lock');
}

function take(path: string, exclusive: boolean): Promise<LockHandle | null> {
  return native(binding().lockFile(path, exclusive), { path });
}

function waitFor(path: string, exclusive: boolean, signal?: AbortSignal): Promise<LockHandle> {
  return askFor(() => take(path, exclusive), signal);
}

/**
 * Asks again, ever less often, instead of blocking a thread of the pool that the holder may need to get done.
 */
async function askFor(
  ask: () => Promise<LockHandle | null>,
  signal: AbortSignal | undefined,
): Promise<LockHandle> {
  for (let delay = 1; ; delay = Math.min(delay * 2, 50)) {
    signal?.throwIfAborted();
    const lock = await ask();
    if (lock !== null) return lock;
    await sleep(delay * (0.5 + Math.random()));
  }
}
