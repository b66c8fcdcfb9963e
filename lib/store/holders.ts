// SPDX-License-Identifier: MIT
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AufsError, hasCode } from '../errors.ts';
import { writeDurably } from './durable_file.ts';
import { isLayerId } from './layer_id.ts';
import { namedLock, tryLayerLock, withNamedLock } from './layer_lock.ts';
import type { Layout } from './layout.ts';
import { makeDirectory, makeOwnFolders } from './own_folders.ts';
import { readTextFile, UnfitFile } from './regular_file.ts';

/** A process that has taken a layer so many times, and has not given it back. */
interface Holder {
  /** Tells the process from a later one with its number, also after the machine was started anew. */
  readonly process: string;
  readonly count: number;
}

/**
 * Who uses a layer, counted for each process in `.node-aufs/holders/ID`. What is counted for a process that has ended
 * is forgotten at the next look. Processes of other PID namespaces count as ended.
 */
export class Holders {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Ids of layers that were taken at some time. */
  async ids(): Promise<string[]> {
    try {
      return (await readdir(this.#layout.holders)).filter(isLayerId);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /**
   * Adds `by` to what this process has taken, never below 0, then runs `work` with the sum of all living processes.
   * Nobody else counts this layer meanwhile; if `work` fails the count is as it was.
   *
   * @throws {AufsError} `ERR_CORRUPT_LAYER` if what was counted cannot be understood.
   */
  async change<T>(id: string, by: number, work: (before: number, after: number) => Promise<T>): Promise<T> {
    await makeOwnFolders(this.#layout);
    await makeDirectory(this.#layout.holders, 0o700);
    const path = this.#path(id);
    return withNamedLock(this.#layout, holdersLock(id), async () => {
      const living = await this.#living(id);
      const self = await processKey(process.pid);
      const own = living.find((holder) => holder.process === self)?.count ?? 0;
      const others = living.filter((holder) => holder.process !== self);
      const count = Math.max(0, own + by);
      const sum = others.reduce((before, holder) => before + holder.count, 0);
      const counted = (times: number): Holder[] =>
        times === 0 ? others : [...others, { process: self, count: times }];
      // A process that is killed while it mounts has said that it does.
      if (by > 0) await this.#save(path, counted(count));
      try {
        const result = await work(sum + own, sum + count);
        if (by <= 0) await this.#save(path, counted(count));
        return result;
      } catch (error) {
        await this.#save(path, counted(own));
        throw error;
      }
    });
  }

  /**
   * Whether a living process has taken the layer.
   *
   * @throws {AufsError} `ERR_CORRUPT_LAYER` if what was counted cannot be understood.
   */
  async isHeld(id: string): Promise<boolean> {
    return (await this.#living(id)).length > 0;
  }

  /**
   * For a layer that is gone: removes its file, unless a living process has it still to give back, or that cannot be told;
   * {@link Store.check} tells of the latter.
   */
  async forget(id: string): Promise<void> {
    if (!(await this.ids()).includes(id)) return;
    await tryLayerLock(this.#layout, namedLock(holdersLock(id)), async () => {
      const held = await this.isHeld(id).catch((error: unknown) => {
        if (!hasCode(error, 'ERR_CORRUPT_LAYER')) throw error;
        return true;
      });
      if (!held) await rm(this.#path(id), { force: true });
    });
  }

  #path(id: string): string {
    return join(this.#layout.holders, id);
  }

  async #living(id: string): Promise<Holder[]> {
    const living: Holder[] = [];
    for (const holder of await this.#read(id)) if (await lives(holder.process)) living.push(holder);
    return living;
  }

  async #read(id: string): Promise<Holder[]> {
    const path = this.#path(id);
    try {
      const holders = parse(await readTextFile(path));
      if (holders !== undefined) return holders;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      if (!(error instanceof UnfitFile)) throw error;
    }
    throw new AufsError('ERR_CORRUPT_LAYER', `who uses layer ${id} cannot be told: ${path} is damaged`, {
      hint: 'remove that file once no process uses the layer',
      id,
      path,
    });
  }

  async #save(path: string, holders: readonly Holder[]): Promise<void> {
    if (holders.length > 0) await writeDurably(path, JSON.stringify(holders), this.#layout.durability);
    else await rm(path, { force: true });
  }
}

/** What is locked while the file of a layer is read and written. */
export function holdersLock(id: string): string {
  return `holders ${id}`;
}

async function lives(key: string): Promise<boolean> {
  try {
    return (await processKey(Number(key.split(' ')[0]))) === key;
  } catch (error) {
    // ESRCH: it ends just now.
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return false;
    throw error;
  }
}

/** Number of the process, when it began, and which start of the machine that was. */
async function processKey(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, may hold anything; the 22nd is when it began.
  const began = text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return `${pid} ${began} ${boot}`;
}

/** Undefined if it is no list of holders. Of one that a power cut left without content no process lives. */
function parse(text: string): Holder[] | undefined {
  if (/^[\0\s]*$/.test(text)) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(isHolder) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  const { process, count } = (value ?? {}) as Partial<Record<keyof Holder, unknown>>;
  return typeof process === 'string' && typeof count === 'number' && count > 0;
}
