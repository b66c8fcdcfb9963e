// SPDX-License-Identifier: MIT
import { AufsError, hasCode, SystemError } from '../errors.ts';
import { exactChunks, type RecordedLayer } from './exact_archive.ts';
import type { Abortable } from './layer.ts';

/** How far {@link Store.verify} is. */
export interface VerifyProgress {
  /** Id of the layer being read. */
  readonly layer: string;
  /** Layers done. */
  readonly done: number;
  readonly layers: number;
  /** Of this layer's archive. */
  readonly bytes: number;
}

export interface VerifyOptions extends Abortable {
  /** Called after every 256 KiB or so. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/**
 * - `whole`: its files and its record give the very archive that it was made of; the digest proves it.
 * - `damaged`: they do not.
 * - `unverified`: there is no record, or no digest to compare with.
 */
export type VerifyState = 'whole' | 'damaged' | 'unverified';

export interface VerifiedLayer {
  readonly id: string;
  readonly state: VerifyState;
  /** The diff id that was computed and fits. */
  readonly diffId: string | null;
  /** Of the archive, as far as it was read. */
  readonly bytes: number;
  /** The first file that is not what it was; null where it is not a file's fault. */
  readonly entry: string | null;
  /** What is wrong, or why it cannot be verified. */
  readonly reason: string | null;
}

export interface VerifyReport {
  /** True if no layer is damaged. */
  readonly sound: boolean;
  readonly layers: readonly VerifiedLayer[];
}

/** What a system call says when a file of a layer is gone, is something else now, or cannot be read any more. */
const DAMAGE_CODES = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EIO', 'ENXIO', 'EINVAL', 'EBADMSG', 'EUCLEAN'];

/** Reads all of the layers, one after the other. */
export async function verifyLayers(
  layers: readonly RecordedLayer[],
  { signal, onProgress }: VerifyOptions,
): Promise<VerifyReport> {
  const verified: VerifiedLayer[] = [];
  for (const layer of layers) {
    const report = (bytes: number): void => {
      signal?.throwIfAborted();
      onProgress?.({ layer: layer.id, done: verified.length, layers: layers.length, bytes });
    };
    report(0);
    verified.push(await verifyLayer(layer, report));
  }
  return { sound: verified.every(({ state }) => state !== 'damaged'), layers: verified };
}

async function verifyLayer(layer: RecordedLayer, report: (bytes: number) => void): Promise<VerifiedLayer> {
  let bytes = 0;
  const result = (state: VerifyState, reason: string | null, entry: string | null = null): VerifiedLayer => {
    const diffId = state === 'whole' ? (layer.diffId ?? null) : null;
    return { id: layer.id, state, diffId, bytes, entry, reason };
  };
  try {
    for await (const chunk of exactChunks(layer, {})) {
      bytes += chunk.length;
      report(bytes);
    }
  } catch (error) {
    if (hasCode(error, 'ERR_NO_RECORD')) return result('unverified', 'there is no record of its archive');
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return result('damaged', damage.reason, damage.entry);
  }
  if (layer.diffId !== undefined) return result('whole', null);
  return result('unverified', 'all checksums fit, but its diff id is not known');
}

/** Undefined for what is not the layer's fault. */
function damageOf(error: unknown): { readonly reason: string; readonly entry: string | null } | undefined {
  if (error instanceof AufsError && ['ERR_LAYER_CHANGED', 'ERR_DIGEST'].includes(error.code)) {
    const { entry } = error.details;
    return { reason: error.message, entry: typeof entry === 'string' ? entry : null };
  }
  if (error instanceof SystemError && DAMAGE_CODES.includes(error.code)) {
    return { reason: error.message, entry: error.path ?? null };
  }
  return undefined;
}
