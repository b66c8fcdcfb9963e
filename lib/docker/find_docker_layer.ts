// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import type { DockerContainer } from './docker_container.ts';
import type { DockerContents } from './docker_contents.ts';
import type { DockerFinding } from './docker_finding.ts';
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
  const { layers, images, skipped } = contents;
  const digits = text.startsWith('sha256:') ? digitsOf(text) : text;
  const exact = layers.find(({ chainId }) => digitsOf(chainId) === digits);
  if (exact !== undefined) return exact;
  const begins = (id: string): boolean =>
    /^[0-9a-f]{1,64}$/.test(digits) && id.startsWith(`sha256:${digits}`);
  const named = images.filter(({ id, names }) => {
    return digitsOf(id) === digits || names.includes(text) || names.includes(`${text}:latest`);
  });
  const meant = named.length > 0 ? named : images.filter(({ id }) => begins(id));
  const bare = named.length > 0 ? [] : layers.filter(({ chainId }) => begins(chainId));
  const ids = [...new Set([...meant, ...bare].map(({ chainId }) => chainId))];
  if (ids.length > 1) {
    throw new AufsError('ERR_LAYER_ID', `'${text}' can be ${ids.length} layers of ${root}`, {
      hint: `give more of it: ${ids.slice(0, 5).join(', ')}`,
      id: text,
    });
  }
  const layer = layers.find(({ chainId }) => chainId === ids[0]);
  if (layer !== undefined) return layer;
  // The layer itself rather than the image that needs it.
  const about = [...ids, ...meant.map(({ id }) => id)];
  const damage =
    skipped.find(({ id }) => id !== undefined && id === ids[0]) ??
    skipped.find(({ id }) => id !== undefined && (about.includes(id) || begins(id)));
  throw damage === undefined ? notFound(text, root) : unusable(damage);
}

function unusable({ id, path, means }: DockerFinding): AufsError {
  return new AufsError('ERR_CORRUPT_LAYER', `${id} cannot be used: ${path}: ${means}`, {
    hint: 'see what else is wrong: node-aufs docker check',
    id,
    path,
  });
}

function notFound(text: string, root: string): AufsError {
  return new AufsError('ERR_LAYER_NOT_FOUND', `no layer or image '${text}' in ${root}`, {
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
