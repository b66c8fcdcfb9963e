// SPDX-License-Identifier: MIT
import { resolve } from 'node:path';
import { binding, type UnionHandle } from '../binding.ts';
import { type Branch, explainRefusedStack, resolveUnionOptions, type UnionOptions } from '../options.ts';

export interface OpenedUnion {
  readonly handle: UnionHandle;
  /** With absolute paths, which have to mean the same directories after a chdir(). */
  readonly branches: readonly Branch[];
  readonly readOnly: boolean;
}

/** Opens the union in native code; errors are explained in terms of the branch that was refused. */
export async function openNative(options: UnionOptions): Promise<OpenedUnion> {
  const { readOnly, dirren, volatile, createPolicy, copyUpPolicy, udba, diropq, shwh, ...resolved } =
    resolveUnionOptions(options);
  const branches = resolved.branches.map(({ path, mode }) => ({ path: resolve(path), mode }));
  try {
    const handle = await binding().unionOpen(
      branches.map(({ path }) => path),
      branches.map(({ mode }) => mode),
      readOnly,
      dirren,
      volatile,
      createPolicy,
      copyUpPolicy,
      udba !== 'none',
      diropq === 'a',
      shwh,
    );
    return { handle, branches, readOnly };
  } catch (error) {
    throw explainRefusedStack(error, branches);
  }
}
