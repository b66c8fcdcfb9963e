// SPDX-License-Identifier: MIT
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { ApplyHandle, ApplyReport } from '../archive_binding.ts';
import { binding } from '../binding.ts';
import { AufsError } from '../errors.ts';
import { archiveCall } from './archive_error.ts';
import { abortable, type ByteSource, copied, inBatches, inPieces } from './chunks.ts';
import { type DiffId, parseDiffId } from './content_id.ts';
import { decompressed } from './decompress.ts';
import { Digester } from './digest.ts';
import { mayChown } from './may_chown.ts';
import { RecordFile } from './record_file.ts';
import type { WriteBack } from './write_back.ts';

/** How far an archive is. */
export interface ArchiveProgress {
  /** Of the uncompressed archive. */
  readonly bytes: number;
  readonly entries: number;
  /** Bytes taken from the source, compressed or not; for an archive that is made, the same as `bytes`. */
  readonly sourceBytes: number;
}

/** How an archive is taken apart; all defaults are filled in. */
export interface ApplySettings {
  readonly docker: boolean;
  readonly keepRecord: boolean;
  readonly expectedDiffId: string | undefined;
  readonly maxBytes: number;
  readonly maxEntries: number;
  readonly onProgress: ((progress: ArchiveProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What an archive was, and what was made of it. */
export interface Applied extends Omit<ApplyReport, 'record'> {
  readonly diffId: DiffId;
  /** The tar-split record, beside the layer's directory. */
  readonly record: string | undefined;
}

const WHAT = 'the archive';

/** Batches that may wait for native code, so that neither it nor the digest waits for the other's slow moments. */
const MOST_AHEAD = 3;

/**
 * Fills the empty directory `diff` from an archive, compressed or not. If it rejects, `diff` is left half-filled. It is not flushed
 * when this resolves, but `disk` may have begun.
 *
 * @throws {AufsError} `ERR_ARCHIVE`, `ERR_ARCHIVE_UNSAFE`, `ERR_ARCHIVE_LIMIT`, `ERR_DIGEST`, `ERR_UNSUPPORTED`.
 * @throws `signal.reason`, within the time that one chunk takes.
 */
export async function applyArchive(
  diff: string,
  source: ByteSource,
  disk: WriteBack,
  settings: ApplySettings,
): Promise<Applied> {
  const { docker, keepRecord, expectedDiffId, maxBytes, maxEntries } = settings;
  const handle = await archiveCall(
    binding().applyOpen(
      diff,
      await mayChown(),
      docker,
      // A digest proves the end as well as the mark does.
      expectedDiffId === undefined,
      keepRecord,
      maxBytes,
      maxEntries,
    ),
    WHAT,
  );
  const record = keepRecord ? new RecordFile(join(dirname(diff), 'tar-split.json.gz')) : undefined;
  const work = new Work(handle, record, disk, settings);
  try {
    return await work.run(source);
  } catch (error) {
    await work.giveUp();
    throw error;
  } finally {
    binding().applyClose(handle);
  }
}

/** One archive on its way in. */
class Work {
  readonly #handle: ApplyHandle;
  readonly #record: RecordFile | undefined;
  readonly #disk: WriteBack;
  readonly #settings: ApplySettings;
  readonly #digester = new Digester();
  #sourceBytes = 0;
  #bytes = 0;
  /** Of the batches that native code is busy with or has not begun, the oldest first; meanwhile digests of later ones are taken. */
  readonly #running: Promise<ApplyReport>[] = [];
  #recording: Promise<void> | undefined;

  constructor(handle: ApplyHandle, record: RecordFile | undefined, disk: WriteBack, settings: ApplySettings) {
    this.#handle = handle;
    this.#record = record;
    this.#disk = disk;
    this.#settings = settings;
  }

  async run(source: ByteSource): Promise<Applied> {
    for await (const batch of inBatches(decompressed(this.#chunks(source)))) {
      if (this.#running.length === MOST_AHEAD) await this.#settle();
      this.#start(batch);
      for (const chunk of batch) this.#digester.update(chunk);
    }
    while (this.#running.length > 0) await this.#settle();
    const diffId = this.#checkedDigest();
    this.#disk.wroteAll(this.#bytes);
    const { record: lines, ...report } = await archiveCall(binding().applyEnd(this.#handle), WHAT);
    this.#settings.signal?.throwIfAborted();
    await this.#keep(lines);
    await this.#recording;
    await this.#record?.end();
    // Data of an entry whose place another one took are not there any more.
    return { ...report, diffId, record: report.replaced === 0 ? this.#record?.path : undefined };
  }

  async giveUp(): Promise<void> {
    await Promise.allSettled(this.#running);
    await this.#record?.destroy();
    await this.#recording?.catch(() => {});
  }

  async *#chunks(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
    const chunks = inPieces(abortable(source, this.#settings.signal));
    for await (const chunk of source instanceof Readable ? chunks : copied(chunks)) {
      this.#sourceBytes += chunk.length;
      yield chunk;
    }
  }

  /** Begins when the batches before have succeeded; none after one that failed. */
  #start(batch: readonly Uint8Array[]): void {
    const apply = (): Promise<ApplyReport> => binding().applyWrite(this.#handle, batch);
    const running = this.#running.at(-1)?.then(apply) ?? apply();
    // It is waited for later; until then a failure is not an unhandled one.
    running.catch(() => {});
    this.#running.push(running);
  }

  /** Waits for the oldest batch. */
  async #settle(): Promise<void> {
    const [oldest] = this.#running;
    if (oldest === undefined) return;
    const { bytes, entries, record } = await archiveCall(oldest, WHAT);
    this.#running.shift();
    this.#bytes = bytes;
    this.#disk.wrote(bytes);
    await this.#keep(record);
    this.#settings.onProgress?.({ bytes, entries, sourceBytes: this.#sourceBytes });
    this.#settings.signal?.throwIfAborted();
  }

  /** Compressed while the next chunk is applied; waits only if the lines before are not. */
  async #keep(lines: Buffer): Promise<void> {
    await this.#recording;
    this.#recording = this.#record?.write(lines);
    this.#recording?.catch(() => {});
  }

  #checkedDigest(): DiffId {
    const diffId = parseDiffId(this.#digester.digest());
    const { expectedDiffId } = this.#settings;
    if (expectedDiffId === undefined || diffId === expectedDiffId) return diffId;
    throw new AufsError('ERR_DIGEST', `the archive's diff id is ${diffId}, not ${expectedDiffId}`, {
      hint: 'get the archive anew',
      expected: expectedDiffId,
      actual: diffId,
    });
  }
}
