// SPDX-License-Identifier: MIT
export { AufsError, type AufsErrorCode, hasCode, SystemError } from './errors.ts';
export * from './mount.ts';
export type { Branch, BranchInput, BranchMode, UnionOptions } from './options.ts';
export * from './store/index.ts';
export * from './union.ts';
