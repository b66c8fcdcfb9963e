// SPDX-License-Identifier: MIT
export { BranchStack } from './branch_stack.ts';
export * from './docker/index.ts';
export { AufsError, type AufsErrorCode, hasCode, SystemError } from './errors.ts';
export * from './mount.ts';
export type { Branch, BranchInput, BranchMode, CreatePolicy, StackOptions, UnionOptions } from './options.ts';
export * from './store/index.ts';
export * from './union.ts';
