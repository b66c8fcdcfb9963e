// SPDX-License-Identifier: MIT
import { serverPath } from '../server_path.ts';
import { LineChannel, ServerGone } from './line_channel.ts';
import { serverFailure } from './server_failure.ts';
import { StartedServer } from './started_server.ts';

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
  readonly #server: StartedServer;
  readonly #channel: LineChannel;
  readonly mounted: MountedEvent;

  private constructor(server: StartedServer, channel: LineChannel, mounted: MountedEvent) {
    this.#server = server;
    this.#channel = channel;
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
    const server = await StartedServer.start(program, ['--control-fd', '3', ...args]);
    const channel = new LineChannel(server.control);
    const hangUp = (): void => channel.close();
    signal?.addEventListener('abort', hangUp, { once: true });
    if (signal?.aborted === true) hangUp();
    try {
      const line = await channel.request().catch(async (cause: unknown) => {
        const how = await server.ended();
        signal?.throwIfAborted();
        throw serverFailure(
          { message: server.stderr || `${program} ended (${how}) before the mount was usable` },
          cause,
        );
      });
      if (!isMounted(line)) {
        await server.ended();
        throw serverFailure(line);
      }
      if (signal?.aborted === true) {
        await server.ended();
        signal.throwIfAborted();
      }
      server.unref();
      channel.unref();
      return new ServerProcess(server, channel, line);
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
    return this.#server.ended();
  }

  /** Settles when the server hung up: it is told to, or it died. */
  get closed(): Promise<void> {
    return this.#channel.closed;
  }

  close(): void {
    this.#channel.close();
  }
}

function isMounted(line: unknown): line is MountedEvent {
  return typeof line === 'object' && line !== null && 'event' in line && line.event === 'mounted';
}
