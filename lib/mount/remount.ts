// SPDX-License-Identifier: MIT
import type { BranchStack } from '../branch_stack.ts';
import { AufsError } from '../errors.ts';
import type { BranchMode } from '../options.ts';
import { splitEscaped, unescapeOption } from './option_list.ts';

/** One change of a stack. */
export type StackStep = (branches: BranchStack) => Promise<void>;

/**
 * Reads what AUFS takes after `-o remount,`: `append:PATH=MODE`, `prepend:PATH=MODE`, `add:POSITION:PATH=MODE` (or `ins:`),
 * `del:PATH`, `mod:PATH=MODE`; `=` may stand for the first colon. Without a mode a new branch is `ro`, as in AUFS.
 *
 * @throws {AufsError} `ERR_USAGE` for anything else.
 */
export function parseRemount(options: string): StackStep[] {
  const words = splitEscaped(options, ',').filter((word) => word !== '' && word !== 'remount');
  if (words.length === 0)
    throw usage('remount without a change', 'give append:, prepend:, add:, del: or mod:');
  return words.map(parseWord);
}

function parseWord(word: string): StackStep {
  const [, name = '', rest = ''] = /^([a-z]+)[:=](.*)$/s.exec(word) ?? [];
  switch (name) {
    case 'append':
      return (branches) => branches.add(readBranch(rest));
    case 'prepend':
      return (branches) => branches.add(readBranch(rest), { at: 'top' });
    case 'add':
    case 'ins': {
      const [, position, branch] = /^(\d+):(.*)$/s.exec(rest) ?? [];
      if (position === undefined || branch === undefined)
        throw usage(`'${word}' has no position`, `write ${name}:1:/dir=ro`);
      return (branches) => branches.insert(Number(position), readBranch(branch));
    }
    case 'del':
      return (branches) => branches.remove(unescapeOption(rest));
    case 'mod': {
      const { path, mode } = readBranch(rest);
      return (branches) => branches.modify(path, mode);
    }
    default:
      throw usage(
        `'${word}' cannot be changed on a running mount`,
        'it takes append:, prepend:, add:, del: and mod:',
      );
  }
}

/** `PATH=MODE`, with AUFS's default. */
export function readBranch(text: string, defaultMode: BranchMode = 'ro'): { path: string; mode: BranchMode } {
  const [, path = text, mode = ''] = /^(.*[^\\])=([^=]*)$/s.exec(text) ?? [];
  return { path: unescapeOption(path), mode: mode === '' ? defaultMode : (mode.toLowerCase() as BranchMode) };
}

function usage(message: string, hint: string): AufsError {
  return new AufsError('ERR_USAGE', `remount: ${message}`, { hint });
}
