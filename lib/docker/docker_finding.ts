// SPDX-License-Identifier: MIT

/** What can be wrong with a store of Docker's; stable, each is explained in `docs/docker-store.md`. */
export type DockerFindingKind =
  // entries that cannot be used
  | 'layer-damaged'
  | 'chain-id-mismatch'
  | 'chain-cycle'
  | 'parent-missing'
  | 'diff-missing'
  | 'container-damaged'
  | 'image-damaged'
  | 'repositories-damaged'
  // entries that can be used, but not for everything
  | 'record-missing'
  | 'driver-chain-damaged'
  | 'cache-id-shared'
  | 'image-layer-missing'
  | 'image-missing'
  // leftovers
  | 'removing'
  | 'transaction'
  | 'diff-orphan'
  | 'unknown-name';

/** Something that is wrong with a store of Docker's. */
export interface DockerFinding {
  readonly kind: DockerFindingKind;
  /** Chain id, container id, image id, or cache id, where it is about one. */
  readonly id: string | undefined;
  readonly path: string;
  /** What it means. */
  readonly means: string;
}
