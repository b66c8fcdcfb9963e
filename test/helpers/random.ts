// SPDX-License-Identifier: MIT

/** A number from 0 to `below` - 1. */
export type Pick = (below: number) => number;

/** mulberry32: small, and the same everywhere. */
export function seeded(seed: number): Pick {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One of `choices`. */
export function oneOf<T>(pick: Pick, choices: readonly T[]): T {
  return choices[pick(choices.length)] as T;
}

/**
 * Drops ever smaller pieces of `story` as long as what is left still `fails`; gives up after `patience` ms with what it
 * has by then.
 */
export async function shrink<T>(
  story: readonly T[],
  fails: (story: readonly T[]) => Promise<boolean>,
  patience = 60_000,
): Promise<readonly T[]> {
  const end = Date.now() + patience;
  let shortest = story;
  for (let size = Math.ceil(story.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < shortest.length; ) {
      if (Date.now() > end) return shortest;
      const without = shortest.toSpliced(at, size);
      if (await fails(without)) shortest = without;
      else at += size;
    }
  }
  return shortest;
}
