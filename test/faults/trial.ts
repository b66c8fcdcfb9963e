// SPDX-License-Identifier: MIT
// One operation in a mount whose server has one system call fail.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../lib/errors.ts';
import { ServerProcess } from '../../lib/mount/server_process.ts';
import { unmount } from '../../lib/mount.ts';
import { DirectoryPlace } from '../helpers/place.ts';
import { shape } from '../helpers/shape.ts';
import { type Tree, writeTree } from '../helpers/tree.ts';
import type { Operation } from './operations.ts';
import { failing, type SystemCall, systemCalls } from './strace.ts';

/** What is seen if all goes well. */
export interface Wanted {
  readonly before: string;
  readonly after: string;
}

/** What a failed write to the disk must never hide behind: the caller has to hear of these. */
const MUST_BE_TOLD: readonly string[] = ['fsync', 'sync_file_range', 'pwrite64'];

/** Branches of the tests and a mount of them by a server with one thread, so that its calls come in one order. */
export class Trial {
  readonly #root: string;
  readonly #lower: Tree;
  readonly #target: string;
  readonly #upper: string;
  /** Whether the last operation failed. */
  refused = false;

  /** `root` is an empty directory, `upper` where the writable branch shall be made. */
  constructor(root: string, lower: Tree, upper = join(root, 'rw')) {
    this.#root = root;
    this.#lower = lower;
    this.#target = join(root, 'mnt');
    this.#upper = upper;
  }

  async #start(): Promise<number> {
    const lower = join(this.#root, 'ro');
    const branches = ['--branch', this.#upper, 'rw', '--branch', lower, 'ro+wh'];
    const { mounted } = await ServerProcess.start([...branches, '-o', 'threads=1', this.#target]);
    return mounted.pid;
  }

  /** New branches, mounted. @returns the process to trace. */
  async #prepare(upper: Tree): Promise<number> {
    for (const path of [this.#upper, join(this.#root, 'ro'), this.#target])
      await rm(path, { recursive: true, force: true });
    await writeTree(this.#upper, upper);
    await writeTree(join(this.#root, 'ro'), this.#lower);
    await mkdir(this.#target);
    return this.#start();
  }

  look(): Promise<string> {
    return shape(this.#target);
  }

  /** What the operation does if all goes well. */
  async rehearse(operation: Operation): Promise<Wanted & { readonly calls: SystemCall[] }> {
    await this.#prepare(operation.upper ?? {});
    const before = await this.look();
    await unmount(this.#target);
    // Looking has filled the caches of the kernel and of the server; the operation shall be the first that is asked for.
    const pid = await this.#start();
    const calls = await systemCalls(pid, join(this.#root, 'log'), async () => {
      await operation.act(new DirectoryPlace(this.#target));
    });
    const after = await this.look();
    await unmount(this.#target);
    return { before, after, calls };
  }

  /** The operation while a system call of it fails with `code`. @returns what is wrong, if anything. */
  async failing(
    operation: Operation,
    wanted: Wanted,
    call: SystemCall,
    code: string,
  ): Promise<string | undefined> {
    const pid = await this.#prepare(operation.upper ?? {});
    let error: unknown;
    await failing(pid, call, code, async () => {
      error = await this.#act(operation);
    });
    if (error === undefined && MUST_BE_TOLD.includes(call.name)) return 'the caller was told nothing';
    return this.#judge(wanted, error, code);
  }

  /** The operation where `code` is what may be wrong: `spoil` makes it so. @returns what is wrong, if anything. */
  async spoilt(
    operation: Operation,
    wanted: Wanted,
    code: string,
    spoil: () => Promise<void>,
  ): Promise<string | undefined> {
    await this.#prepare(operation.upper ?? {});
    await spoil();
    return this.#judge(wanted, await this.#act(operation), code);
  }

  /** @returns the error, if there is one. */
  #act(operation: Operation): Promise<unknown> {
    return operation.act(new DirectoryPlace(this.#target)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  async #judge({ before, after }: Wanted, error: unknown, code: string): Promise<string | undefined> {
    this.refused = error !== undefined;
    const now = await this.look();
    await unmount(this.#target);
    await this.#start();
    const again = await this.look();
    await unmount(this.#target);
    if (error !== undefined && ![code, 'EIO'].some((known) => tells(error, known)))
      return `the caller was told ${String(error)}`;
    const [how, right] = error === undefined ? ['succeeded', after] : ['failed', before];
    if (now !== after && now !== right) return `${how}, and is seen:\n${now}\ninstead of\n${right}`;
    if (again !== now) return `mounted again, is seen:\n${again}\ninstead of\n${now}`;
    return this.#leftover();
  }

  async #leftover(): Promise<string | undefined> {
    const names = await readdir(this.#upper, { recursive: true });
    const left = names.filter((name) => name.includes('.wh..wh.tmp'));
    return left.length > 0 ? `left over: ${left.join(' ')}` : undefined;
  }

  /** Whatever happens in a trial, nothing stays mounted. */
  async end(): Promise<void> {
    await unmount(this.#target, { lazy: true }).catch(() => {});
  }
}

/** Node has no name for some errno. */
function tells(error: unknown, code: string): boolean {
  const { errno } = error as { errno?: unknown };
  return (
    hasCode(error, code) ||
    errno === -Number(Object.entries(constants.errno).find(([name]) => name === code)?.[1])
  );
}
