// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'NODE_AUFS_BENCH_WORKSPACE';
const UNSHARE = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];

/**
 * Runs `body` with a directory to work in, such that nothing is left behind, however it ends: a root's benchmark runs in
 * mount and process namespaces of its own, which take mounts, loop devices, images in memory and servers with them.
 * Without the right to have namespaces, `body` has to clean up itself and is told by `signal` when to stop.
 *
 * @returns the exit status of the process.
 */
export async function isolated(
  script: string,
  args: readonly string[],
  body: (workspace: string, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const given = process.env[VARIABLE];
  if (given !== undefined) return insideNamespaces(() => body(given, new AbortController().signal));
  const workspace = mkdtempSync(join(tmpdir(), 'node-aufs-bench-'));
  try {
    const namespaces = spawnSync('unshare', [...UNSHARE, 'true'], { stdio: 'ignore' }).status === 0;
    return await (namespaces ? inNamespaces(script, args, workspace) : inThisProcess(body, workspace));
  } finally {
    rmSync(workspace, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The first process of the namespaces: the kernel ends all others with it. */
function insideNamespaces(body: () => Promise<number>): Promise<number> {
  // The first process of a namespace is not ended by signals that it does not ask for.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
  process.on('disconnect', () => process.exit(130));
  return body();
}

async function inNamespaces(script: string, args: readonly string[], workspace: string): Promise<number> {
  const command = [...UNSHARE, process.execPath, '--import=tsx', script, ...args];
  // The channel carries nothing. It closes when this process dies, even of SIGKILL.
  const child = spawn('unshare', command, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [VARIABLE]: workspace },
  });
  const stop = () => child.kill('SIGKILL');
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  const [status] = (await once(child, 'exit')) as [number | null];
  for (const signal of signals) process.off(signal, stop);
  return status ?? 130;
}

async function inThisProcess(
  body: (workspace: string, signal: AbortSignal) => Promise<number>,
  workspace: string,
): Promise<number> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  return body(workspace, abort.signal);
}
