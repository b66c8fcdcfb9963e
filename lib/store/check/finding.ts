// SPDX-License-Identifier: MIT
import type { LayerMetadata } from '../metadata.ts';

/** What can be wrong with a store; stable, each is explained in `docs/store.md`. */
export type FindingKind =
  // layers
  | 'chain-damaged'
  | 'chain-cycle'
  | 'chain-missing'
  | 'parent-missing'
  | 'diff-missing'
  | 'mnt-missing'
  | 'metadata-damaged'
  | 'record-damaged'
  | 'holders-damaged'
  // what no layer explains
  | 'diff-orphan'
  | 'mnt-orphan'
  | 'mount-orphan'
  | 'metadata-orphan'
  | 'record-orphan'
  | 'index-orphan'
  | 'unknown-name'
  // what an interrupted operation left
  | 'half-made'
  | 'staging'
  | 'removing'
  | 'temporary'
  | 'stale-lock'
  | 'stale-holders'
  | 'dead-mount';

/** Something that is wrong with a store. */
export interface Finding {
  readonly kind: FindingKind;
  /** A `notice` does no harm and goes away by itself when the store is opened next. */
  readonly severity: 'error' | 'notice';
  /** The layer that it is about, where it is about one. */
  readonly id: string | undefined;
  readonly path: string;
  /** What it means. */
  readonly means: string;
  /** Whether repair can put it right. */
  readonly repairable: boolean;
  /** What repair does, or what the user should do where it can do nothing. */
  readonly remedy: string;
  /** True once it was put right. */
  readonly repaired: boolean;
  /** Why repairing it failed. */
  readonly failure: string | undefined;
}

/** What puts a fault right. */
export type Mend =
  | { readonly does: 'remove-tree' | 'remove-file' | 'remove-empty' | 'unmount'; readonly path: string }
  | { readonly does: 'make-directory'; readonly path: string }
  | { readonly does: 'drop-half-made'; readonly id: string }
  | { readonly does: 'write-chain'; readonly id: string; readonly parents: readonly string[] }
  | { readonly does: 'write-metadata'; readonly id: string; readonly metadata: LayerMetadata };

/** A finding before anything is done about it. */
export interface Fault {
  readonly kind: FindingKind;
  readonly id?: string | undefined;
  readonly path: string;
  readonly means: string;
  readonly remedy: string;
  /** Without it the fault cannot be put right by a machine. */
  readonly mend?: Mend | undefined;
  /** Name of the lock that is held while it is being worked on. @default `id` */
  readonly lock?: string | undefined;
}

/** These do no harm, and go when the store is opened next. */
const NOTICES: readonly FindingKind[] = ['stale-lock', 'stale-holders'];

export function toFinding(fault: Fault, repaired = false, failure?: string): Finding {
  const { kind, id, path, means, remedy, mend } = fault;
  const severity = NOTICES.includes(kind) ? 'notice' : 'error';
  return { kind, severity, id, path, means, repairable: mend !== undefined, remedy, repaired, failure };
}

/** The same for two faults that are one. */
export function faultKey({ kind, path }: Fault): string {
  return `${kind} ${path}`;
}
