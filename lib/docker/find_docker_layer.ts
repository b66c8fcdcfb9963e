// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import type { DockerContainer } from './docker_container.ts';
import type { DockerContents } from './docker_contents.ts';
import type { DockerLayer } from './docker_layer.ts';
import { digitsOf } from './docker_layout.ts';

/**
 * The layer with this chain id, else the topmost one of the image with this name or id, else the only one whose chain id or whose
 * image's id begins so; `sha256:` may be left out.
 *
 * @throws {AufsError} `ERR_LAYER_NOT_FOUND`; `ERR_LAYER_ID` for the beginning of several; `ERR_CORRUPT_LAYER` for one that
 * cannot be used.
 */
export function findLayer(contents: DockerContents, text: string, root: string): DockerLayer {
  const { layers, images } = contents;
  const digits = text.startsWith('sha256:') ? digitsOf(text) : text;
  const named = images.filter(({ id, names }) => {
    return digitsOf(id) === digits || names.includes(text) || names.includes(`${text}:latest`);
  });
  const exact = layers.find(({ chainId }) => digitsOf(chainId) === digits);
  if (exact !== undefined) return exact;
  if (named.length > 0)
    return topmost(
      contents,
      named.map(({ chainId }) => chainId),
      text,
      root,
    );
  const beginning = /^[0-9a-f]{1,64}$/.test(digits);
  const begin = beginning ? layers.filter(({ chainId }) => digitsOf(chainId).startsWith(digits)) : [];
  const ofImages = beginning ? images.filter(({ id }) => digitsOf(id).startsWith(digits)) : [];
  const found = new Set([...begin.map((layer) => layer.chainId), ...ofImages.map((image) => image.chainId)]);
  return topmost(contents, [...found], text, root);
}

function topmost(
  { layers, skipped }: DockerContents,
  ids: readonly (string | undefined)[],
  text: string,
  root: string,
): DockerLayer {
  const [id, ...others] = ids;
  if (others.length > 0) {
    throw new AufsError('ERR_LAYER_ID', `'${text}' can be ${ids.length} layers of ${root}`, {
      hint: `give more of it: ${ids.slice(0, 5).join(', ')}`,
      id: text,
    });
  }
  const layer = layers.find(({ chainId }) => chainId === id);
  if (layer !== undefined) return layer;
  const digits = text.startsWith('sha256:') ? text : `sha256:${text}`;
  const damage = skipped.find(
    (finding) => finding.id !== undefined && (finding.id === id || finding.id.startsWith(digits)),
  );
  if (damage !== undefined) {
    throw new AufsError('ERR_CORRUPT_LAYER', `${damage.id} cannot be used: ${damage.path}: ${damage.means}`, {
      hint: 'see what else is wrong: node-aufs docker check',
      id: damage.id,
      path: damage.path,
    });
  }
  throw new AufsError('ERR_LAYER_NOT_FOUND', `no layer or image '${text}' in ${root}`, {
    hint: 'list them with: node-aufs docker ls',
    id: text,
  });
}

/** The container with this id, or the only one whose id begins so; undefined if there is none. */
export function findContainer({ containers }: DockerContents, text: string): DockerContainer | undefined {
  const exact = containers.find(({ id }) => id === text);
  if (exact !== undefined) return exact;
  const found = text === '' ? [] : containers.filter(({ id }) => id.startsWith(text));
  if (found.length <= 1) return found[0];
  throw new AufsError('ERR_LAYER_ID', `'${text}' is the beginning of ${found.length} container ids`, {
    hint: `give more of it: ${found
      .slice(0, 5)
      .map(({ id }) => id)
      .join(', ')}`,
    id: text,
  });
}
