// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { isDigest } from './digest.ts';

declare const kind: unique symbol;

/** `sha256:…` of a layer's uncompressed archive, all bytes of it. Made by {@link parseDiffId}. */
export type DiffId = `sha256:${string}` & { readonly [kind]: 'DiffId' };

/** `sha256:…` of a layer and everything below it. Made by {@link chainId} and {@link parseChainId}. */
export type ChainId = `sha256:${string}` & { readonly [kind]: 'ChainId' };

/** @throws {TypeError} if `text` is not `sha256:` and 64 hexadecimal digits. */
export function parseDiffId(text: string): DiffId {
  return checkedDigest(text, 'a diff id') as DiffId;
}

/** @throws {TypeError} if `text` is not `sha256:` and 64 hexadecimal digits. */
export function parseChainId(text: string): ChainId {
  return checkedDigest(text, 'a chain id') as ChainId;
}

/**
 * The chain id of a layer with this diff id on top of `parent`: a base layer's is its diff id, any other's the digest of
 * both in words, a blank between.
 *
 * @throws {TypeError} if one of them is no digest.
 *
 * @example
 * chainId(chainId(undefined, base), next);
 */
export function chainId(parent: ChainId | undefined, diffId: DiffId): ChainId {
  const own = parseDiffId(diffId);
  if (parent === undefined) return parseChainId(own);
  const words = `${parseChainId(parent)} ${own}`;
  return parseChainId(`sha256:${createHash('sha256').update(words).digest('hex')}`);
}

/** The chain id of the topmost of these layers, which are given from the base up; undefined for none. */
export function chainIdOf(diffIds: readonly DiffId[]): ChainId | undefined {
  return diffIds.reduce<ChainId | undefined>(chainId, undefined);
}

function checkedDigest(text: string, what: string): string {
  if (typeof text === 'string' && isDigest(text)) return text;
  throw new TypeError(`Expected ${what} to be 'sha256:' and 64 hexadecimal digits, got ${inspect(text)}`);
}
