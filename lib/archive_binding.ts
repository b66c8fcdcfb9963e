// SPDX-License-Identifier: MIT
import type { NativePath } from './binding.ts';

/** An archive that goes into a directory; made by {@link ArchiveBinding.applyOpen}. */
export type ApplyHandle = { readonly __brand: 'ApplyHandle' };
/** A directory that becomes an archive; made by {@link ArchiveBinding.produceOpen}. */
export type ProduceHandle = { readonly __brand: 'ProduceHandle' };
/** An archive that is put together again; made by {@link ArchiveBinding.assembleOpen}. */
export type AssembleHandle = { readonly __brand: 'AssembleHandle' };

/** How far an archive is that is being applied. */
export interface ApplyReport {
  /** Of the archive, uncompressed. */
  readonly bytes: number;
  readonly entries: number;
  /** Housekeeping of a union (`.wh..wh.*`) that was left out. */
  readonly dropped: number;
  /** Entries whose name an earlier one had. */
  readonly replaced: number;
  /** Device nodes that this process may not make. */
  readonly devices: number;
  /** Extended attributes that could not be set. */
  readonly attributes: number;
  /** Once it is at its end: Docker's DiffSize. */
  readonly size: number;
  /** Lines of the tar-split record that are complete since the last call. */
  readonly record: Buffer;
}

/** What a call that fills a buffer did; `bytes` 0 is the end. */
export interface ReadReport {
  readonly bytes: number;
  /** Entries begun until now; 0 where that is not known. */
  readonly entries: number;
}

/**
 * Layers as tar archives, piece by piece. One call at a time for each handle: a second one rejects with EBUSY. Failures
 * have `entry`, the name that the archive was at (`entryBytes` too, where it is not UTF-8); one whose `via` begins
 * `archive: ` says what is wrong with the archive: EBADMSG and ENOTSUP (damaged), EXDEV (unsafe name), EFBIG (over
 * a limit), ESTALE (a file of the layer changed).
 */
export interface ArchiveBinding {
  /** `diff` is an existing, empty directory. Limits count bytes of the archive, and of files; entries. */
  applyOpen(
    diff: NativePath,
    exactOwner: boolean,
    refuseRepeated: boolean,
    needEnd: boolean,
    record: boolean,
    maxBytes: number,
    maxEntries: number,
  ): Promise<ApplyHandle>;
  /** The chunks must stay as they are until it is settled. */
  applyWrite(apply: ApplyHandle, chunks: readonly Uint8Array[]): Promise<ApplyReport>;
  /** After the last chunk: directories get their attributes. */
  applyEnd(apply: ApplyHandle): Promise<ApplyReport>;
  applyClose(apply: ApplyHandle): void;

  /** `latestTime` in seconds: later modification times become this; null leaves them. */
  produceOpen(
    diff: NativePath,
    docker: boolean,
    sparse: boolean,
    latestTime: number | null,
  ): Promise<ProduceHandle>;
  /**
   * An archive of these `paths`, in this order, each from the directory of `diffs` that `layers` has the index of; -1: a
   * whiteout of that path (`.wh.` included), which need not exist. Directories come without what is in them.
   */
  producePicked(
    diffs: readonly NativePath[],
    paths: readonly NativePath[],
    layers: Int32Array,
    docker: boolean,
    sparse: boolean,
    latestTime: number | null,
  ): Promise<ProduceHandle>;
  produceRead(produce: ProduceHandle, into: Uint8Array): Promise<ReadReport>;
  produceClose(produce: ProduceHandle): void;

  assembleOpen(diff: NativePath): Promise<AssembleHandle>;
  /** Adds bytes that come as they are. */
  assembleBytes(assemble: AssembleHandle, bytes: Uint8Array): void;
  /** Adds the data of a file of the layer; `crc` is its CRC-64 (8 bytes), or empty. */
  assembleFile(assemble: AssembleHandle, name: NativePath, size: number, crc: Uint8Array): void;
  /** Up to the end of what was added. */
  assembleRead(assemble: AssembleHandle, into: Uint8Array): Promise<ReadReport>;
  assembleClose(assemble: AssembleHandle): void;
}
