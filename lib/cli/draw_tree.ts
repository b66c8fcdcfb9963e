// SPDX-License-Identifier: MIT

/** Something that others hang on. */
export interface TreeNode<T> {
  readonly children: readonly T[];
}

/** Lines with branches drawn before them; what has nothing above it begins at the margin. */
export function drawTree<T extends TreeNode<T>>(roots: readonly T[], describe: (node: T) => string): string {
  return roots.map((root) => `${describe(root)}\n${below(root, '', describe)}`).join('');
}

function below<T extends TreeNode<T>>(
  { children }: T,
  indent: string,
  describe: (node: T) => string,
): string {
  return children
    .map((child, i) => {
      const last = i === children.length - 1;
      const further = below(child, `${indent}${last ? '   ' : '│  '}`, describe);
      return `${indent}${last ? '└─' : '├─'} ${describe(child)}\n${further}`;
    })
    .join('');
}
