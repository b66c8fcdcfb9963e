// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { modulePath, nodeArgs } from '../helpers/other_process.ts';

/** Arguments of Node that make it `node-aufs`. */
export const NODE_AUFS: readonly string[] = [...nodeArgs, modulePath('cli/main')];

/** What a run of the CLI left behind. */
export interface Outcome {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs `node-aufs` as a program of its own; a status other than 0 is no exception. */
export function nodeAufs(args: readonly string[], { cwd, env }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = {
      timeout: 60_000,
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    };
    execFile(process.execPath, [...NODE_AUFS, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? error.signal ?? null);
      resolve({ code, stdout, stderr });
    });
  });
}
