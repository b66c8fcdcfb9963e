// SPDX-License-Identifier: MIT
import type { CopyMethod, NativeCopyUp } from '../binding.ts';

/** What a server has counted since it started, and what it holds now. */
export interface MountStats {
  readonly pid: number;
  readonly threads: number;
  /** Those of them that the load does not need at the moment: all but two that share /dev/fuse, or none. */
  readonly parkedThreads: number;
  /** Version of the FUSE protocol that kernel and server agreed on: `7.45`. */
  readonly protocol: string;
  readonly passthrough: boolean;
  /** Why there is no passthrough; empty if there is. */
  readonly passthroughReason: string;
  /** Whether a {@link MountOptions.chainIndex} is used: there is one of these branches, and nothing has told otherwise. */
  readonly chainIndex: boolean;
  /** Requests come over io_uring. */
  readonly uring: boolean;
  /** Why they do not; empty if they do. */
  readonly uringReason: string;
  /** How many came so so far. */
  readonly uringRequests: number;
  /** Threads that have a single busy caller stay with it ({@link MountOptions.nearCaller}). */
  readonly nearCaller: boolean;
  /** Why they do not; empty if they do. */
  readonly nearCallerReason: string;
  /** How often one was put beside its caller so far. */
  readonly nearCallerCount: number;
  /** Inodes that the kernel knows of. */
  readonly nodes: number;
  readonly openFiles: number;
  readonly openDirectories: number;
  readonly copyUps: { readonly count: number; readonly bytes: number };
}

/**
 * One finished copy_up of a mount: path relative to its root, method, bytes of data, nanoseconds for the
 * whole.
 */
export type CopyUp = NativeCopyUp;

type Fields = Readonly<Record<string, unknown>>;

export function readStats(answer: Fields): MountStats {
  const copyUps = (answer['copy_ups'] ?? {}) as Fields;
  return {
    pid: Number(answer['pid']),
    threads: Number(answer['threads']),
    parkedThreads: Number(answer['parked_threads']),
    protocol: String(answer['protocol']),
    passthrough: answer['passthrough'] === true,
    passthroughReason: String(answer['passthrough_reason'] ?? ''),
    chainIndex: answer['chain_index'] === true,
    uring: answer['uring'] === true,
    uringReason: String(answer['uring_reason'] ?? ''),
    uringRequests: Number(answer['uring_requests'] ?? 0),
    nearCaller: answer['near_caller'] === true,
    nearCallerReason: String(answer['near_caller_reason'] ?? ''),
    nearCallerCount: Number(answer['near_caller_count'] ?? 0),
    nodes: Number(answer['nodes']),
    openFiles: Number(answer['open_files']),
    openDirectories: Number(answer['open_directories']),
    copyUps: { count: Number(copyUps['count']), bytes: Number(copyUps['bytes']) },
  };
}

export function readCopyUps(answer: Fields): CopyUp[] {
  const list = answer['copy_ups'];
  if (!Array.isArray(list)) return [];
  return list.map((entry: Fields) => ({
    path: String(entry['path']),
    method: String(entry['method']) as CopyMethod,
    bytes: Number(entry['bytes']),
    nanoseconds: Number(entry['ns']),
  }));
}
