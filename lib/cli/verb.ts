// SPDX-License-Identifier: MIT
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { AufsError } from '../errors.ts';
import { type Durability, type OpenStoreOptions, openStore, type Store } from '../store/index.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly root?: string;
  readonly json?: boolean;
  readonly durability?: Durability;
}

/** What a command is run with. */
export interface Context {
  readonly terminal: Terminal;
  /** One JSON object instead of text. */
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** What `--root` says. */
  readonly root: string | undefined;
  /** The store that `--root` names. Only `create` makes one that is not there. */
  openStore(options?: OpenStoreOptions): Promise<Store>;
  /** Sets the exit status of a command that did its work and has bad news. */
  exit(code: number): void;
}

/** One command: adds itself to the program. */
export type Verb = (program: Command, run: Runner) => void;

/** Makes a context of the command's options and runs `action` in it. */
export type Runner = (command: Command, action: (context: Context) => Promise<void>) => Promise<void>;

/** `NODE_AUFS_ROOT`, else where the user's programs keep their data. */
export function defaultRoot(): string {
  const { NODE_AUFS_ROOT, XDG_DATA_HOME } = process.env;
  if (NODE_AUFS_ROOT !== undefined && NODE_AUFS_ROOT !== '') return NODE_AUFS_ROOT;
  if (process.geteuid?.() === 0) return '/var/lib/node-aufs';
  return join(
    XDG_DATA_HOME?.startsWith('/') === true ? XDG_DATA_HOME : join(homedir(), '.local/share'),
    'node-aufs',
  );
}

export function makeContext(
  options: GlobalOptions,
  terminal: Terminal,
  signal: AbortSignal,
  exit: (code: number) => void,
): Context {
  const { root = defaultRoot(), durability } = options;
  return {
    terminal,
    signal,
    exit,
    json: options.json === true,
    root: options.root,
    openStore: (how) => openStore(root, { create: false, durability, ...how }),
  };
}

/** `--label key=value`, any number of times. */
export function collectLabel(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new AufsError('ERR_USAGE', `'${text}' is not a label`, { hint: 'write key=value' });
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Prints one JSON object, or what `text` makes of it. */
export function print<T extends object>(
  { json, terminal }: Context,
  value: T,
  text: (value: T) => string,
): void {
  terminal.stdout(json ? `${JSON.stringify(value)}\n` : text(value));
}
