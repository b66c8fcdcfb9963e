// SPDX-License-Identifier: MIT
import { AufsError, hasCode } from '../errors.ts';
import { isLayerId } from './layer_id.ts';
import type { Layout } from './layout.ts';
import { readMetadata } from './metadata.ts';
import { readTextFile, UnfitFile } from './regular_file.ts';

/** The text of `layers/ID` for a layer with these parents, nearest first. */
export function formatChain(parents: readonly string[]): string {
  return parents.map((id) => `${id}\n`).join('');
}

/** The non-blank lines of a chain file, not judged yet. Docker's reader skips blank lines too. */
export function parseChain(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/**
 * The parents of a layer, nearest first; undefined if there is no such layer. Docker wrote these files in
 * place and without fsync, so a truncated or damaged one must be told from a whole one: every line has to be
 * the id of a layer that is there, and the chain has to go on as the parent's own does.
 *
 * @throws {AufsError} `ERR_CORRUPT_LAYER`, which says what is wrong with the file.
 */
export async function readChain(layout: Layout, id: string): Promise<string[] | undefined> {
  const parents = await readLines(layout, id);
  if (parents === undefined) return undefined;
  for (const parent of parents) {
    if (!isLayerId(parent))
      throw corrupt(layout, id, `it holds ${JSON.stringify(parent)}, which is not a layer id`);
    if (parent === id) throw corrupt(layout, id, 'it names the layer itself as its parent');
  }
  const [parent, ...rest] = parents;
  const recorded = (await readMetadata(layout, id))?.parent;
  if (recorded !== undefined && recorded !== (parent ?? null)) {
    throw corrupt(
      layout,
      id,
      `it should begin with ${recorded ?? 'nothing'}, the parent that the layer was made on`,
    );
  }
  if (parent === undefined) return [];
  const onward = await readLines(layout, parent);
  if (onward === undefined) throw corrupt(layout, id, `its parent ${parent} is missing`);
  if (onward.join() !== rest.join()) throw corrupt(layout, id, `it does not go on as layers/${parent} does`);
  return parents;
}

async function readLines(layout: Layout, id: string): Promise<string[] | undefined> {
  try {
    return parseChain(await readTextFile(layout.chain(id)));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error instanceof UnfitFile ? corrupt(layout, id, error.message) : error;
  }
}

export function corrupt(layout: Layout, id: string, what: string): AufsError {
  return new AufsError('ERR_CORRUPT_LAYER', `layer ${id} is damaged: ${layout.chain(id)}: ${what}`, {
    hint: 'its files are untouched in diff/; put the right parent ids there (nearest first, one a line) or remove the layer',
    id,
    path: layout.chain(id),
  });
}
