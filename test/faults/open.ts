// SPDX-License-Identifier: MIT
// Faults of ours that are known and open: calls that are not made to fail. A row goes when the fault does.

export interface OpenFault {
  readonly why: string;
  readonly operations: readonly string[];
  /** The call, as strace shows it. */
  readonly call: RegExp;
}

export const OPEN: readonly OpenFault[] = [
  {
    why: 'when the whiteout of the old name cannot be placed, the file that was replaced is lost',
    operations: ['rename over a file'],
    call: /^renameat\(.*"\.wh\.a"\)/,
  },
  {
    why: 'when the whiteout of the old name cannot be placed, a new mount shows the directory under both names',
    operations: [
      'rename of a directory',
      'rename of a directory over an empty one',
      'rename of a merged directory',
    ],
    call: /^renameat\(.*"\.wh\.d"\)/,
  },
  {
    why: 'when what was just made cannot be looked at, the call fails but a new mount shows it',
    operations: [
      'truncation',
      'mkdir over a whiteout',
      'create over a whiteout',
      'symlink over a whiteout',
      'link of a lower file',
      'link over a whiteout',
    ],
    call: /^(newfstatat|statx)\(\d+, "(a|w|new)", /,
  },
  {
    why: 'when the whiteout cannot be removed, the call succeeds and a new mount does not show the name',
    operations: ['link over a whiteout'],
    call: /^unlinkat\(\d+, "\.wh\.w"/,
  },
  {
    why: 'when a directory cannot be looked at, ENOENT is told',
    operations: ['rmdir', 'rmdir of a directory of whiteouts'],
    call: /^newfstatat\(\d+, "(e|w)", /,
  },
];

export function isOpen(operation: string, call: string): boolean {
  return OPEN.some((fault) => fault.operations.includes(operation) && fault.call.test(call));
}
