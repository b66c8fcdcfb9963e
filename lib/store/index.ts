// SPDX-License-Identifier: MIT
export { type Abortable, type CommitOptions, Layer } from './layer.ts';
export { isLayerId } from './layer_id.ts';
export type { LayerMountOptions } from './mount_layer.ts';
export { type OpenStoreOptions, openStore } from './open_store.ts';
export { type CreateLayerOptions, Store } from './store.ts';
export type { StoreInfo } from './store_info.ts';
