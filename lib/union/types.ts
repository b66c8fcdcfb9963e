// SPDX-License-Identifier: MIT

/** How names and links are given back: as strings, or, so that bytes that are no UTF-8 survive, as they are. */
export interface NameOptions {
  readonly encoding?: BufferEncoding | 'buffer' | null | undefined;
}

/** Options of {@link Union.readdir}. */
export interface ReaddirOptions extends NameOptions {
  readonly withFileTypes?: boolean | undefined;
  /** Names of everything below, relative to the directory. @default false */
  readonly recursive?: boolean | undefined;
}

/** Options of {@link Union.readFile}. */
export interface ReadFileOptions {
  readonly encoding?: BufferEncoding | null | undefined;
  readonly flag?: string | number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Union.writeFile} and {@link Union.appendFile}. */
export interface WriteFileOptions {
  readonly encoding?: BufferEncoding | null | undefined;
  /** @default 0o666, less the process's umask */
  readonly mode?: number | string | undefined;
  readonly flag?: string | number | undefined;
  /** The data is on disk when the promise resolves. @default false */
  readonly flush?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of {@link Union.statfs}, shaped like `fs.StatsFs`, with the longest name that can be made. */
export interface StatFs {
  readonly type: number;
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  /** Longest name in bytes: room for the whiteout prefix is kept free. */
  readonly namemax: number;
}
