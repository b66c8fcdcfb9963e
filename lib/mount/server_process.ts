// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { AufsError, hasCode } from '../errors.ts';
import { serverPath } from '../server_path.ts';
import { LineChannel, ServerGone } from './line_channel.ts';
import { serverFailure } from './server_failure.ts';

/** What a server says once its mount is usable. */
export interface MountedEvent {
  readonly event: 'mounted';
  readonly target: string;
  readonly pid: number;
  readonly passthrough: boolean;
  readonly protocol: string;
}

/** A server that lives as long as this process does and not longer: it watches the control socket. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #channel: LineChannel;
  readonly #exited: Promise<string>;
  readonly mounted: MountedEvent;

  private constructor(
    child: ChildProcess,
    channel: LineChannel,
    exited: Promise<string>,
    mounted: MountedEvent,
  ) {
    this.#child = child;
    this.#channel = channel;
    this.#exited = exited;
    this.mounted = mounted;
  }

  /**
   * Starts a server and waits until its mount is usable.
   * Neither the process nor its sockets keep the event loop alive afterwards.
   *
   * @throws `signal.reason` if the signal is aborted first; nothing stays mounted then.
   */
  static async start(args: readonly string[], signal?: AbortSignal): Promise<ServerProcess> {
    signal?.throwIfAborted();
    const program = serverPath();
    // Its own session (a ^C in the terminal is the owner's affair, who then unmounts) and no foot in any
    // directory.
    const child = spawn(program, ['--control-fd', '3', ...args], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const stderr = collect(child);
    const exited = waitForExit(child, program);
    exited.catch(() => {}); // a spawn failure is reported by whoever awaits below
    // Without descriptors there are no pipes, and the reason comes as an event.
    if ((child.stdio as unknown) === undefined) throw serverFailure({ message: await exited });
    const channel = new LineChannel(child.stdio[3] as Duplex);
    const hangUp = (): void => channel.close();
    signal?.addEventListener('abort', hangUp, { once: true });
    try {
      const line = await channel.request().catch(async (cause: unknown) => {
        const how = await exited;
        signal?.throwIfAborted();
        throw serverFailure(
          { message: stderr() || `${program} ended (${how}) before the mount was usable` },
          cause,
        );
      });
      if (!isMounted(line)) {
        await exited;
        throw serverFailure(line);
      }
      if (signal?.aborted === true) {
        await exited;
        signal.throwIfAborted();
      }
      child.unref();
      (child.stderr as unknown as { unref?: () => void } | null)?.unref?.();
      channel.unref();
      return new ServerProcess(child, channel, exited, line);
    } catch (error) {
      channel.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', hangUp);
    }
  }

  /** Sends a command and gives its answer; an answer that tells of a failure is thrown. */
  async request(command: string): Promise<Record<string, unknown>> {
    const answer = await this.#channel.request(command);
    if (typeof answer !== 'object' || answer === null)
      throw serverFailure({ message: `odd answer to ${command}` });
    if ('event' in answer && answer.event === 'crashed') throw new ServerGone();
    if ('ok' in answer && answer.ok === false) throw serverFailure(answer);
    return answer as Record<string, unknown>;
  }

  /** Waits until the process has ended, and says how: `exit code 1`, `SIGKILL`. */
  exited(): Promise<string> {
    this.#child.ref();
    return this.#exited;
  }

  /** Settles when the server hung up: it is told to, or it died. */
  get closed(): Promise<void> {
    return this.#channel.closed;
  }

  close(): void {
    this.#channel.close();
  }
}

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
  const stderr = collect(child);
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

function isMounted(line: unknown): line is MountedEvent {
  return typeof line === 'object' && line !== null && 'event' in line && line.event === 'mounted';
}

/** The end of what the server writes to stderr, for messages. */
function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-4096);
  });
  return () => text.trim();
}

/**
 * A background server keeps stderr open or not, so 'close' may never come: 'exit', and a moment for the last
 * words.
 */
function waitForExit(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      const full = hasCode(cause, 'EMFILE') || hasCode(cause, 'ENFILE');
      if (full) {
        reject(
          new AufsError('ERR_SERVER_FAILED', `cannot start ${program}: ${cause.message}`, {
            hint: 'too many files are open: close some, or raise the limit (ulimit -n)',
            cause,
          }),
        );
        return;
      }
      reject(
        new AufsError('ERR_SERVER_NOT_FOUND', `cannot start ${program}: ${cause.message}`, {
          hint: 'build it with `npm run build:native`, or reinstall the package',
          cause,
        }),
      );
    });
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
