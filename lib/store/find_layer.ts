// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import type { Layer } from './layer.ts';

/** Label whose value can stand for the layer's id. */
export const NAME_LABEL = 'name';

/**
 * The layer among `layers` whose id this is, else the one that has it as its label `name`; undefined if there is none.
 *
 * @throws {AufsError} `ERR_LAYER_ID` if several have that name.
 */
export function findByName(layers: readonly Layer[], text: string): Layer | undefined {
  const exact = layers.find(({ id }) => id === text);
  if (exact !== undefined) return exact;
  const named = layers.filter(({ labels }) => labels[NAME_LABEL] === text);
  if (named.length <= 1) return named[0];
  throw new AufsError('ERR_LAYER_ID', `${named.length} layers have the name '${text}'`, {
    hint: `give an id: ${named
      .slice(0, 5)
      .map(({ id }) => id)
      .join(', ')}`,
    id: text,
  });
}
