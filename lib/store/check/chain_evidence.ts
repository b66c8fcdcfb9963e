// SPDX-License-Identifier: MIT
import { formatChain, parseChain } from '../chain_file.ts';
import { isLayerId } from '../layer_id.ts';
import { recordedParent } from './metadata_text.ts';
import type { Survey } from './survey.ts';

/**
 * What the files of a store say of each layer's parents: its own file, what we recorded when the layer was
 * made, and the files of the layers that stand on it, whose ends are copies of it.
 */
export class ChainEvidence {
  readonly #survey: Survey;
  /** What the files of others say follows after this layer; the longest. Undefined where they contradict. */
  readonly #copies = new Map<string, readonly string[] | undefined>();
  readonly #known = new Map<string, readonly string[] | undefined>();
  readonly #recorded = new Map<string, string | null | undefined>();
  readonly #named = new Set<string>();
  readonly #lines = new Map<string, readonly string[]>();

  constructor(survey: Survey) {
    this.#survey = survey;
    for (const [id, text] of survey.metadata) this.#recorded.set(id, recordedParent(text));
    for (const [id, text] of survey.chains) this.#lines.set(id, parseChain(text));
    for (const [id, lines] of this.#lines) this.#collect(id, lines);
  }

  /** The lines of `layers/ID` as they are; undefined if there is no such file. */
  lines(id: string): readonly string[] | undefined {
    return this.#lines.get(id);
  }

  /** Parent that we recorded, null for none; undefined if nothing was. */
  recorded(id: string): string | null | undefined {
    return this.#recorded.get(id);
  }

  /** True if some layer's file names this one. */
  isReferenced(id: string): boolean {
    return this.#named.has(id);
  }

  /** The parents that the layer must have, nearest first; undefined where that is not certain. */
  right(id: string): readonly string[] | undefined {
    if (this.#known.has(id)) return this.#known.get(id);
    // Seen again on the way up, it stands on itself.
    this.#known.set(id, undefined);
    const chain = this.#judge(id);
    const whole = chain?.every((parent) => parent !== id && this.#survey.chains.has(parent)) === true;
    const right = whole ? chain : undefined;
    this.#known.set(id, right);
    return right;
  }

  #judge(id: string): readonly string[] | undefined {
    const recorded = this.recorded(id);
    if (recorded === null) return [];
    if (recorded !== undefined) return this.#standingOn(recorded);
    const text = this.#survey.chains.get(id);
    const copy = this.#copies.get(id);
    // Docker wrote these files in place: what a crash left is the beginning of what was to be.
    if (copy !== undefined && formatChain(copy).startsWith(text ?? '')) return copy;
    if (text === undefined) return undefined;
    const [parent] = parseChain(text);
    if (parent === undefined) return [];
    const sound = parseChain(text).slice(0, -1).every(isLayerId) && isLayerId(parent);
    return sound ? this.#standingOn(parent) : copy;
  }

  #standingOn(parent: string): readonly string[] | undefined {
    const above = this.right(parent);
    return above === undefined ? undefined : [parent, ...above];
  }

  #collect(id: string, lines: readonly string[]): void {
    for (const [i, parent] of lines.entries()) {
      if (parent === id || !isLayerId(parent)) return;
      this.#named.add(parent);
      if (this.recorded(parent) !== undefined) continue;
      const copy = lines.slice(i + 1);
      if (!copy.every(isLayerId)) continue;
      const before = this.#copies.get(parent);
      if (!this.#copies.has(parent)) this.#copies.set(parent, copy);
      else if (before !== undefined) this.#copies.set(parent, longer(before, copy));
    }
  }
}

/** The longer of two lists of which one is the beginning of the other; undefined if none is. */
function longer(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.every((id, i) => id === long[i]) ? long : undefined;
}
