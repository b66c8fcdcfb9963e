// SPDX-License-Identifier: MIT
import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { crc32 } from 'node:zlib';
import { SystemError } from '../../lib/errors.ts';
import { type BigIntStats, Union, type UnionFileHandle } from '../../lib/union.ts';
import type { Call } from '../helpers/agent.ts';
import type { Performer, Shown, World } from './world.ts';

const LONG_AGO = 1_500_000_000n * 1_000_000_000n;

/** Answers as agent.py does, by a union in this process. What its API does not have is not in {@link METHODS}. */
class UnionPerformer implements Performer {
  union: Union;
  readonly files = new Map<number, UnionFileHandle>();

  constructor(union: Union) {
    this.union = union;
  }

  async run(call: Call): Promise<string> {
    const method = METHODS[call.op];
    if (method === undefined) throw new Error(`no ${call.op} without a mount`);
    try {
      return JSON.stringify((await method(this, call)) ?? null);
    } catch (error) {
      if (error instanceof SystemError) return JSON.stringify(error.code);
      throw error;
    }
  }

  /** The file in the slot; without one the answer is that of the agent. */
  async with(call: Call, use: (file: UnionFileHandle) => Promise<unknown>): Promise<unknown> {
    const file = this.files.get(number(call, 'slot'));
    return file === undefined ? 'no such slot' : use(file);
  }

  async release(): Promise<void> {
    for (const file of this.files.values()) await file.close();
    this.files.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
    await this.union.close();
  }
}

export async function showInProcess(world: World): Promise<Shown> {
  const open = () => Union.open({ ...world, volatile: true });
  const performer = new UnionPerformer(await open());
  const leave = async (): Promise<void> => {
    await performer.release();
    await performer.union.flushHardLinks();
    await performer.union.close();
  };
  return {
    performer,
    async remount() {
      await leave();
      performer.union = await open();
    },
    hide: leave,
  };
}

type Method = (performer: UnionPerformer, call: Call) => Promise<unknown>;

const METHODS: Readonly<Record<string, Method>> = {
  async put({ union }, call) {
    await using file = await union.open(path(call), flags(call), number(call, 'mode', 0o644));
    await file.write(text(call));
  },
  cat: async ({ union }, call) => digest(await union.readFile(path(call))),
  async readdir({ union }, call) {
    const entries = await union.readdir(path(call), { withFileTypes: true });
    return sorted(entries.map((entry) => [entry.name, entry.isDirectory()]));
  },
  lstat: async ({ union }, call) => tell(await union.lstat(path(call), { bigint: true })),
  async mkdir({ union }, call) {
    await union.mkdir(path(call), number(call, 'mode', 0o755));
  },
  rmdir: ({ union }, call) => union.rmdir(path(call)),
  unlink: ({ union }, call) => union.unlink(path(call)),
  symlink: ({ union }, call) => union.symlink(String(call['text']), path(call)),
  readlink: ({ union }, call) => union.readlink(path(call)),
  link: ({ union }, call) => union.link(path(call), path(call, 'to')),
  rename: ({ union }, call) => union.rename(path(call), path(call, 'to')),
  rename2: ({ union }, call) =>
    union.rename(path(call), path(call, 'to'), { noReplace: call['how'] === 1, exchange: call['how'] === 2 }),
  truncate: ({ union }, call) => union.truncate(path(call), number(call, 'size')),
  chmod: ({ union }, call) => union.chmod(path(call), number(call, 'mode')),
  async open({ union, files }, call) {
    await files.get(number(call, 'slot'))?.close();
    files.delete(number(call, 'slot'));
    files.set(number(call, 'slot'), await union.open(path(call), flags(call), number(call, 'mode', 0o644)));
  },
  async close({ files }, call) {
    await files.get(number(call, 'slot'))?.close();
    files.delete(number(call, 'slot'));
  },
  fstat: (performer, call) => performer.with(call, async (file) => tell(await file.stat({ bigint: true }))),
  pread: (performer, call) =>
    performer.with(call, async (file) => {
      const into = Buffer.alloc(number(call, 'size'));
      const { bytesRead } = await file.read(into, 0, into.length, number(call, 'at'));
      return digest(into.subarray(0, bytesRead));
    }),
  pwrite: (performer, call) =>
    performer.with(call, async (file) => {
      const data = text(call);
      return (await file.write(data, 0, data.length, number(call, 'at'))).bytesWritten;
    }),
  append: (performer, call) =>
    performer.with(call, async (file) => (await file.write(text(call))).bytesWritten),
  ftruncate: (performer, call) => performer.with(call, (file) => file.truncate(number(call, 'size'))),
  fchmod: (performer, call) => performer.with(call, (file) => file.chmod(number(call, 'mode'))),
  fsync: (performer, call) => performer.with(call, (file) => file.sync()),
  release: (performer) => performer.release(),
  async drop_caches() {},
  snapshot: ({ union }) => walk(union, '.', [], new Map()),
};

/** True for what an in-process union can be asked to do. Its files are not opened where that would follow a symlink. */
export function hasMethod(call: Call): boolean {
  return call.op === 'remount' || (call.op in METHODS && !String(call['flags']).includes('TMPFILE'));
}

function path(call: Call, key = 'path'): string {
  return String(call[key]);
}

function number(call: Call, key: string, otherwise?: number): number {
  return Number(call[key] ?? otherwise);
}

function flags(call: Call): number {
  const words = String(call['flags']).split('|') as (keyof typeof constants)[];
  return words.reduce(
    (bits, word) => bits | Number(constants[word]),
    constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
}

function text(call: Call): Buffer {
  const [piece, size] = [String(call['text']), number(call, 'size')];
  return Buffer.from(piece.repeat(Math.floor(size / piece.length) + 1).slice(0, size));
}

function digest(data: Buffer): string {
  return `${data.length}:${crc32(data).toString(16).padStart(8, '0')}`;
}

function sorted<T>(entries: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function octal(bits: bigint): string {
  return `0o${bits.toString(8)}`;
}

function tell(stats: BigIntStats): Record<string, unknown> {
  const { mode, uid, gid, mtimeNs, nlink, size } = stats;
  return {
    type: octal(mode & 0o170000n),
    mode: octal(mode & 0o7777n),
    uid: Number(uid),
    gid: Number(gid),
    mtime: mtimeNs < LONG_AGO ? String(mtimeNs) : 'now',
    ...(stats.isDirectory() ? {} : { nlink: Number(nlink), size: Number(size) }),
  };
}

async function walk(
  union: Union,
  where: string,
  found: unknown[],
  inodes: Map<bigint, string>,
): Promise<unknown[]> {
  for (const name of (await union.readdir(where)).sort()) {
    const at = `${where}/${name}`;
    const stats = await union.lstat(at, { bigint: true });
    const told = tell(stats);
    if (stats.isFile()) told['content'] = digest(await union.readFile(at));
    if (stats.isSymbolicLink()) told['target'] = await union.readlink(at);
    if (!stats.isDirectory()) {
      if (!inodes.has(stats.ino)) inodes.set(stats.ino, at);
      told['same'] = inodes.get(stats.ino);
    }
    found.push([at, { ...told, xattrs: [] }]);
    if (stats.isDirectory()) await walk(union, at, found, inodes);
  }
  return found;
}
