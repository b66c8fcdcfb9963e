// SPDX-License-Identifier: MIT
import { binding, type NativeCopyUp } from '../binding.ts';
import { settled } from '../settled.ts';
import type { UnionGuard } from './guard.ts';

/** Threads that share the work: as many as libuv has unless it is told otherwise. */
const THREADS = 4;
/** Paths that one thread takes at once, for as long as native code goes on: so many that taking them costs little, */
const MOST_AT_ONCE = 256;
/** and towards the end so few, this share of what is left, that all threads end together. */
const SHARE_OF_REST = 1 / 2;

/** Paths next to each other, which are mostly of one directory: two threads in one directory wait for each other. */
interface Stretch {
  next: number;
  readonly end: number;
}

function stretches(count: number): Stretch[] {
  const length = Math.ceil(count / THREADS);
  return Array.from({ length: THREADS }, (_, i) => ({
    next: Math.min(i * length, count),
    end: Math.min((i + 1) * length, count),
  }));
}

function left({ next, end }: Stretch): number {
  return end - next;
}

/** The stretch with most left to do. */
function longest(all: readonly Stretch[]): Stretch | undefined {
  const [most] = all.toSorted((a, b) => left(b) - left(a));
  return most !== undefined && left(most) > 0 ? most : undefined;
}

/**
 * Copies up what the paths lead to, by several threads; what it cost, in the order of the paths. After a failure no more paths
 * are begun, and nothing is under way any more when this rejects.
 */
export async function copyUps(
  guard: UnionGuard,
  paths: readonly (string | Uint8Array)[],
): Promise<NativeCopyUp[]> {
  const done: NativeCopyUp[] = new Array(paths.length);
  const all = stretches(paths.length);
  const turns = new Set<Promise<unknown>>();
  let failed = false;
  const turn = async (stretch: Stretch): Promise<void> => {
    const first = stretch.next;
    stretch.next += Math.min(Math.ceil(left(stretch) * SHARE_OF_REST), MOST_AT_ONCE);
    const some = paths.slice(first, stretch.next);
    const running = guard.run((union) => binding().copyUp(union, some));
    turns.add(running);
    try {
      const events = await running;
      for (const [at, event] of events.entries()) done[first + at] = event;
      if (events.length < some.length) all.push({ next: first + events.length, end: first + some.length });
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      turns.delete(running);
    }
  };
  const work = async (own: Stretch): Promise<void> => {
    while (!failed) {
      const stretch = left(own) > 0 ? own : longest(all);
      if (stretch !== undefined) await turn(stretch);
      else if (turns.size === 0) return;
      // Others may leave something of their turns.
      else await Promise.race(turns).catch(() => {});
    }
  };
  await settled(all.map(work));
  return done;
}
