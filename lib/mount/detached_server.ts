// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { serverPath } from '../server_path.ts';
import { lastWords } from './last_words.ts';
import { serverFailure, unstartable } from './server_failure.ts';

export interface DetachedOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called if the process that was started is killed: only then can a server be up although this rejects. */
  readonly killed?: () => Promise<void>;
}

/**
 * Starts a server that puts itself in the background and outlives this process.
 * Settles when the mount is usable (it then has no control socket any more).
 */
export async function startDetachedServer(
  args: readonly string[],
  { cwd = '/', signal, killed }: DetachedOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const program = serverPath();
  const child = spawn(program, args, { detached: true, cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const stderr = lastWords(child.stderr);
  const kill = (): void => void child.kill();
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const how = await waitForExit(child, program);
    if (how === 'exit code 0') return;
    if (!how.startsWith('exit code')) await killed?.();
    signal?.throwIfAborted();
    throw serverFailure({ message: stderr() || `${program} failed (${how})` });
  } finally {
    signal?.removeEventListener('abort', kill);
    child.stderr?.destroy();
  }
}

/**
 * A background server keeps stderr open or not, so 'close' may never come: 'exit', and a moment for the last
 * words.
 */
function waitForExit(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(unstartable(program, cause)));
    child.once('exit', (code, signal) => {
      const how = signal ?? `exit code ${code}`;
      const late = setTimeout(() => resolve(how), 100);
      child.once('close', () => {
        clearTimeout(late);
        resolve(how);
      });
    });
  });
}
