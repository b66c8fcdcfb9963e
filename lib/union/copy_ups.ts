// SPDX-License-Identifier: MIT
import { binding, type NativeCopyUp } from '../binding.ts';
import type { UnionGuard } from './guard.ts';

/** Threads that share the work: as many as libuv has unless it is told otherwise. */
const THREADS = 4;
/** Paths that one thread takes at once: so many that taking them costs little, so few that all threads end together. */
const PATHS_AT_ONCE = 32;

/**
 * Copies up what the paths lead to, by several threads; what it cost, in the order of the paths. After a failure no more paths
 * are begun, and nothing is under way any more when this rejects.
 */
export async function copyUps(
  guard: UnionGuard,
  paths: readonly (string | Uint8Array)[],
): Promise<NativeCopyUp[]> {
  const done: NativeCopyUp[] = new Array(paths.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < paths.length) {
      const first = next;
      next += PATHS_AT_ONCE;
      const some = paths.slice(first, next);
      try {
        const events = await guard.run((union) => binding().copyUp(union, some));
        for (const [at, event] of events.entries()) done[first + at] = event;
      } catch (error) {
        next = paths.length;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: THREADS }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return done;
}
