// SPDX-License-Identifier: MIT
import { inspect } from 'node:util';
import { resolveInteger } from '../arguments.ts';
import type { ApplySettings, ArchiveProgress } from './apply_archive.ts';
import { isDigest } from './digest.ts';
import type { Abortable, Layer } from './layer.ts';

/**
 * Whose rules hold where the OCI image specification and Docker's aufs driver differ.
 *
 * - Made: `docker` keeps whole seconds only, of extended attributes only file capabilities, and puts the type's
 *   bits into the mode, so that a layer that Docker made gives Docker's headers; `oci` keeps everything.
 * - Applied: `docker` refuses a name that comes twice; with `oci` the later entry wins, as in tar(1).
 */
export type ArchiveFormat = 'oci' | 'docker';

export interface ApplyOptions extends Abortable {
  /** The layer to stand on, by its id, its name or a unique beginning of its id. @default none: a base layer */
  readonly parent?: string | Layer | undefined;
  /** 64 hexadecimal digits; `-init` may follow. @default random */
  readonly id?: string | undefined;
  /** Kept with the layer, for whatever the caller likes. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `sha256:…` that the uncompressed archive must have. Without it the archive needs its end mark. */
  readonly expectedDiffId?: string | undefined;
  /**
   * Unpacks nothing if the parent has a layer with this `expectedDiffId` (which is needed then): that one is the result,
   * whatever its id and labels, and the source is let go unread. Of several processes that apply the same archive at once, one
   * works and the others wait for it; if it is killed, the next one takes over.
   * @default false
   */
  readonly once?: boolean | undefined;
  /** See {@link ArchiveFormat}. @default 'oci' */
  readonly format?: ArchiveFormat | undefined;
  /** Keeps what it takes to export the same bytes again ({@link Layer.archive} with `exact`). @default true */
  readonly exact?: boolean | undefined;
  /** Of the uncompressed archive, and of the files in it, holes included. @default 64 GiB */
  readonly maxBytes?: number | undefined;
  /** Of files, directories, links … in the archive. @default 5,000,000 */
  readonly maxEntries?: number | undefined;
  /** Called after every 256 KiB or so. What it throws ends the work. */
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined;
}

export interface ArchiveOptions extends Abortable {
  /** See {@link ArchiveFormat}. @default 'oci' */
  readonly format?: ArchiveFormat | undefined;
  /** The very bytes that the layer was made of, rather than an archive made anew. @default false */
  readonly exact?: boolean | undefined;
  /** Tells of holes (GNU's PAX 1.0 form), instead of writing them out as zeros. @default false */
  readonly sparse?: boolean | undefined;
  /**
   * Seconds since 1970: later modification times become this. @default `SOURCE_DATE_EPOCH` of the environment,
   * else none
   */
  readonly latestTime?: number | undefined;
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined;
}

const DEFAULT_MAX_BYTES = 64 * 2 ** 30;
const DEFAULT_MAX_ENTRIES = 5_000_000;

/** @throws {TypeError} or RangeError if an option is none. */
export function resolveApply(options: ApplyOptions): ApplySettings {
  const { expectedDiffId, exact = true, onProgress, signal } = options;
  if (expectedDiffId !== undefined && !isDigest(expectedDiffId)) {
    throw new TypeError(
      `Expected expectedDiffId to be 'sha256:' and 64 hexadecimal digits, got ${inspect(expectedDiffId)}`,
    );
  }
  return {
    docker: isDocker(options.format),
    keepRecord: exact,
    expectedDiffId,
    maxBytes: resolveLimit(options.maxBytes ?? DEFAULT_MAX_BYTES, 'maxBytes'),
    maxEntries: resolveLimit(options.maxEntries ?? DEFAULT_MAX_ENTRIES, 'maxEntries'),
    onProgress,
    signal,
  };
}

export function isDocker(format: ArchiveFormat = 'oci'): boolean {
  if (format !== 'oci' && format !== 'docker') {
    throw new TypeError(`Expected format to be 'oci' or 'docker', got ${inspect(format)}`);
  }
  return format === 'docker';
}

/** Infinity is no limit. */
function resolveLimit(limit: number, what: string): number {
  return limit === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : resolveInteger(limit, what, 0);
}

/** @returns null for none. */
export function resolveLatestTime(time: number | undefined): number | null {
  if (time !== undefined) return resolveInteger(time, 'latestTime', Number.MIN_SAFE_INTEGER);
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  if (epoch === undefined || epoch === '') return null;
  if (!/^\d{1,12}$/.test(epoch)) {
    throw new TypeError(`Expected SOURCE_DATE_EPOCH to be a number of seconds, got ${inspect(epoch)}`);
  }
  return Number(epoch);
}
