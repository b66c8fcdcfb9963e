// SPDX-License-Identifier: MIT
import { hasCode } from '../errors.ts';
import { isDigest } from './digest.ts';
import { writeDurably } from './durable_file.ts';
import type { Layout } from './layout.ts';
import { readTextFile, UnfitFile } from './regular_file.ts';

/** What we know of a layer beyond Docker's layout. Layers that Docker made have none. */
export interface LayerMetadata {
  /** Nearest parent, null for a base layer: tells a truncated `layers/ID` from an empty one. */
  readonly parent: string | null | undefined;
  /** A committed layer: never written again, so that what stands on it stays true. */
  readonly readOnly: boolean;
  /** ISO 8601. */
  readonly created: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** `sha256:…` of the uncompressed archive that the layer was made of. */
  readonly diffId?: string | undefined;
}

export async function writeMetadata(layout: Layout, id: string, metadata: LayerMetadata): Promise<void> {
  await writeDurably(layout.metadataFile(id), `${JSON.stringify(metadata)}\n`, layout.durability);
}

/**
 * Undefined where there is none. A file that cannot be understood says "read-only", the side on which nothing
 * is lost.
 */
export async function readMetadata(layout: Layout, id: string): Promise<LayerMetadata | undefined> {
  let text: string;
  try {
    text = await readTextFile(layout.metadataFile(id));
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    if (!(error instanceof UnfitFile)) throw error;
    text = '';
  }
  return parseMetadata(text);
}

/** What can be understood of a metadata file. */
export function parseMetadata(text: string): LayerMetadata {
  const { parent, readOnly, created, labels, diffId } = parseObject(text);
  return {
    parent: parent === null || typeof parent === 'string' ? parent : undefined,
    readOnly: readOnly !== false,
    created: typeof created === 'string' ? created : undefined,
    labels: Object.fromEntries(Object.entries(asObject(labels)).filter(isText)),
    diffId: typeof diffId === 'string' && isDigest(diffId) ? diffId : undefined,
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isText(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string';
}
