// SPDX-License-Identifier: MIT

export type { TreeUsage } from '../binding.ts';
export type { ArchiveProgress } from './apply_archive.ts';
export type { AppliedLayer } from './apply_layer.ts';
export type { ApplyOptions, ArchiveFormat, ArchiveOptions } from './archive_options.ts';
export type { CheckOptions, CheckReport } from './check/check_store.ts';
export type { Finding, FindingKind } from './check/finding.ts';
export type { ByteSource } from './chunks.ts';
export { type ChainId, chainId, chainIdOf, type DiffId, parseChainId, parseDiffId } from './content_id.ts';
export type { LayerUsage, StoreUsage } from './df.ts';
export type { DiffGetter } from './diff_getter.ts';
export type { Durability } from './durability.ts';
export type { GcOptions, GcReport, KeptWhy } from './gc.ts';
export {
  type Ancestor,
  type ApplyDiffOptions,
  type DriverCreateOptions,
  GraphDriver,
} from './graph_driver.ts';
export type { LayerDescription, MountFacts } from './inspect_layer.ts';
export { type Abortable, type CommitOptions, Layer } from './layer.ts';
export { isLayerId } from './layer_id.ts';
export type { LayerTree, TreeOptions } from './layer_tree.ts';
export type { LayerMountOptions } from './mount_layer.ts';
export { type OpenStoreOptions, openStore } from './open_store.ts';
export type { Reference } from './references.ts';
export type { RemovedLayer, RemoveOptions } from './remove_layer.ts';
export { type CreateLayerOptions, Store } from './store.ts';
export type { StoreInfo } from './store_info.ts';
export type { TreeArchiveOptions } from './tree_archive.ts';
export type { VerifiedLayer, VerifyOptions, VerifyProgress, VerifyReport, VerifyState } from './verify.ts';
