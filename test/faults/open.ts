// SPDX-License-Identifier: MIT
// Faults of ours that are known and open: calls that are not made to fail. A row goes when the fault does.

export interface OpenFault {
  readonly why: string;
  readonly operations: readonly string[];
  /** The call, as strace shows it. */
  readonly call: RegExp;
}

export const OPEN: readonly OpenFault[] = [];

export function isOpen(operation: string, call: string): boolean {
  return OPEN.some((fault) => fault.operations.includes(operation) && fault.call.test(call));
}
