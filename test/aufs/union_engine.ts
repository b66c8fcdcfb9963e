// SPDX-License-Identifier: MIT
import { constants, lstatSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemError } from '../../lib/errors.ts';
import type { BranchMode, CreatePolicy, StackOptions } from '../../lib/options.ts';
import { type BigIntStats, Union, type UnionFileHandle } from '../../lib/union.ts';
import { contentBytes } from './content.ts';
import { type Engine, NoSuchOperation, type Stage } from './engine.ts';
import { type Answer, type Entry, type Json, numbered, type Op, toBytes, toText } from './recording.ts';
import { listBranches, remount } from './restack.ts';
import { describe, directoryEntries, readTree } from './union_tree.ts';

/** What `Union` does not have, and why. Those that change something end the replay: what follows depends on them. */
const ABSENT: Readonly<Record<string, { readonly why: string; readonly changes: boolean }>> = {
  mmap: { why: 'there is no descriptor to map', changes: false },
  mread: { why: 'there is no mapping', changes: false },
  mwrite: { why: 'there is no mapping', changes: true },
  msync: { why: 'there is no mapping', changes: false },
  flock: { why: 'locks are between processes, by the kernel', changes: false },
  setlk: { why: 'locks are between processes, by the kernel', changes: false },
  child: { why: 'another process has another union', changes: false },
  extents: { why: 'no SEEK_DATA in node:fs', changes: false },
  fallocate: { why: 'no fallocate in node:fs', changes: true },
  linkfd: { why: 'no linkat in node:fs', changes: true },
  setfacl: { why: 'no ACLs in node:fs', changes: true },
  getfacl: { why: 'no ACLs in node:fs', changes: false },
  opendir: { why: 'a directory is not held open', changes: false },
  getdents: { why: 'a directory is not held open', changes: false },
  exec: { why: 'the kernel cannot run what is not mounted', changes: false },
  mountopts_invalid: { why: 'no mount options', changes: true },
};

/** Of operations as another user. */
const ONLY_LOOKS: ReadonlySet<string> = new Set(['cat', 'readdir', 'lstat', 'access']);

const O_PATH = 0o10000000;
const REST_OF_FILE = 1 << 20;
const SMALLEST_PIECE = 4096;
type Files = Map<string, UnionFileHandle>;
/** Gives back what the operation answers besides success. */
type Method = (union: Union, op: Op, files: Files) => Promise<unknown>;

/** `create=…`, `cpup=…`, `udba=…` and `diropq=…` of mount options. */
function stackOptions(options: string): StackOptions {
  const value = (name: string) => new RegExp(`(?:^|,)${name}=([^,]*)`).exec(options)?.[1];
  return {
    createPolicy: value('create') as CreatePolicy | undefined,
    copyUpPolicy: value('cpup') as 'bu' | undefined,
    udba: value('udba') as 'reval' | undefined,
    diropq: value('diropq') as 'w' | undefined,
  };
}

/** In this process: `Union` and its file handles, without mount and agent. */
export class UnionEngine implements Engine {
  readonly #stage: Stage;
  readonly #files: Files = new Map();
  #union: Union | undefined;
  #shownAt = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async show(): Promise<Answer> {
    const { disks, branches, options } = this.#stage;
    // The agent waited between the set-up and now, so that times tell one from the other.
    this.#shownAt ||= Date.now() - 10;
    this.#union = await Union.open({
      branches: branches.map(({ name, perm }) => ({
        path: disks.branch(name),
        mode: perm as BranchMode,
      })),
      dirren: !options.split(',').includes('nodirren'),
      ...stackOptions(options),
    });
    return { errno: null };
  }

  async hide(): Promise<Answer> {
    this.#files.clear();
    await this.#union?.close();
    this.#union = undefined;
    return { errno: null };
  }

  async run(op: Op): Promise<Answer> {
    if (op.op === 'remount') return remount(this.#stage, this.#opened.stack, op);
    if (op.op === 'branches') return listBranches(this.#stage, this.#opened.stack);
    return this.#run(op, this.#files);
  }

  tree(): Promise<readonly Entry[]> {
    return readTree(this.#opened, this.#shownAt);
  }

  get #opened(): Union {
    if (this.#union === undefined) throw new Error('the union is not open');
    return this.#union;
  }

  async #run(op: Op, files: Files): Promise<Answer> {
    if (op.asuid !== undefined) throw new NoSuchOperation('acts as one user', !ONLY_LOOKS.has(op.op));
    const absent = Object.hasOwn(ABSENT, op.op) ? ABSENT[op.op] : undefined;
    if (absent) throw new NoSuchOperation(absent.why, absent.changes);
    const method = Object.hasOwn(METHODS, op.op) ? METHODS[op.op] : undefined;
    try {
      const ret = await (method ? method(this.#opened, op, files) : this.#special(op));
      return ret === undefined ? { errno: null } : { errno: null, ret: ret as Json };
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return { errno: error.code === 'EOPNOTSUPP' ? 'ENOTSUP' : error.code };
    }
  }

  async #special(op: Op): Promise<unknown> {
    switch (op.op) {
      case 'lstat':
        return this.#describe(await this.#opened.lstat(at(op), { bigint: true }));
      case 'fstat':
        return this.#describe(await file(op, this.#files).stat({ bigint: true }));
      case 'repeat':
        return this.#repeat(op);
      case 'parallel':
        return this.#parallel(op);
      case 'devs':
        return this.#devices(op);
      case 'statfs':
        return this.#statfs(op);
      case 'sh':
        return (await this.#stage.agent.run(op)).ret;
      default:
        throw new Error(`unknown operation ${op.op}`);
    }
  }

  #describe(stats: BigIntStats): Json {
    return describe(stats, this.#shownAt) as Json;
  }

  async #repeat(op: Op): Promise<Json> {
    const seen: Record<string, number> = {};
    for (let i = 0; i < Number(op['n']); i++) {
      for (const inner of op.ops ?? []) {
        const { errno } = await this.#run(numbered(inner, i), this.#files);
        seen[errno ?? 'None'] = (seen[errno ?? 'None'] ?? 0) + 1;
      }
    }
    return seen;
  }

  /** Overlapping calls instead of processes. */
  #parallel(op: Op): Promise<Answer[][]> {
    return Promise.all(
      Array.from({ length: Number(op['n']) }, async (_, i) => {
        const answers: Answer[] = [];
        for (const inner of op.ops ?? []) answers.push(await this.#run(numbered(inner, i), new Map()));
        return answers;
      }),
    );
  }

  async #devices(op: Op): Promise<Json> {
    const { dev, ino } = await this.#opened.lstat(at(op), { bigint: true });
    const root = await this.#opened.lstat('/', { bigint: true });
    const found: Record<string, Json> = { dev_is_mount_root: dev === root.dev, raw_ino: String(ino) };
    for (const { name } of this.#stage.branches) {
      const raw = lstatSync(join(this.#stage.disks.branch(name), String(op.path)), {
        bigint: true,
        throwIfNoEntry: false,
      });
      if (raw) found[`dev_equals_${name}`] = raw.dev === dev;
    }
    return found;
  }

  async #statfs(op: Op): Promise<Json> {
    const ours = await this.#opened.statfs(at(op));
    const found: Record<string, Json> = { bsize: ours.bsize, namelen: ours.namemax };
    for (const { name } of this.#stage.branches) {
      const raw = await statfs(this.#stage.disks.branch(name));
      const keys = ['blocks', 'bfree', 'files', 'ffree'] as const;
      found[`equals_${name}`] = Object.fromEntries(keys.map((key) => [key, raw[key] === ours[key]]));
    }
    return found;
  }
}

const METHODS: Readonly<Record<string, Method>> = {
  cat: async (union, op) => toText(await union.readFile(at(op))),
  async put(union, op) {
    const flags = op['flags'] ? openFlags(op['flags']) | constants.O_WRONLY : 'w';
    await using opened = await union.open(at(op), flags, Number.parseInt(String(op['mode'] ?? '0644'), 8));
    await writeAll(opened, contentBytes(op['data'] ?? ''));
  },
  readdir: (union, op) => directoryEntries(union, at(op), op['ino'] === true),
  readlink: async (union, op) => toText(await union.readlink(at(op), { encoding: 'buffer' })),
  async access(union, op) {
    const mode = { r: constants.R_OK, w: constants.W_OK, x: constants.X_OK }[String(op['how'])];
    return union.access(at(op), mode).then(
      () => true,
      () => false,
    );
  },
  unlink: (union, op) => union.unlink(at(op)),
  rmdir: (union, op) => union.rmdir(at(op)),
  rmtree: (union, op) => union.rm(at(op), { recursive: true }),
  async mkdir(union, op) {
    await union.mkdir(at(op), { mode: String(op['mode'] ?? '0755') });
  },
  mknod: (union, op) => union.mknod(at(op), constants.S_IFIFO | 0o644),
  symlink: (union, op) => union.symlink(toBytes(String(op['target'])), at(op)),
  link: (union, op) => union.link(at(op, 'from'), at(op, 'to')),
  rename: (union, op) => union.rename(at(op, 'from'), at(op, 'to')),
  truncate: (union, op) => union.truncate(at(op), Number(op['len'])),
  chmod: (union, op) => union.chmod(at(op), String(op['mode'])),
  chown: (union, op) => union.lchown(at(op), Number(op['uid']), Number(op['gid'])),
  utimens: (union, op) => union.lutimes(at(op), Number(op['atime']), Number(op['mtime'])),
  async listxattr(union, op) {
    await refuseSymlink(union, op);
    return union.listxattr(at(op));
  },
  async getxattr(union, op) {
    return toText(await union.getxattr(at(op), String(op['name'])));
  },
  async setxattr(union, op) {
    await refuseSymlink(union, op);
    const how = op['how'] === undefined ? {} : { [String(op['how'])]: true };
    await union.setxattr(at(op), String(op['name']), toBytes(String(op['value'])), how);
  },
  removexattr: (union, op) => union.removexattr(at(op), String(op['name'])),
  async open(union, op, files) {
    files.set(String(op['as']), await union.open(at(op), openFlags(op['flags'] ?? []), 0o644));
  },
  async close(_, op, files) {
    await file(op, files).close();
    files.delete(String(op['fd']));
  },
  async read(_, op, files) {
    const into = Buffer.alloc(Number(op['len'] ?? REST_OF_FILE));
    const position = op['off'] === undefined ? null : Number(op['off']);
    const { bytesRead } = await file(op, files).read(into, 0, into.length, position);
    return toText(into.subarray(0, bytesRead));
  },
  async write(_, op, files) {
    const position = op['off'] === undefined ? null : Number(op['off']);
    const { bytesWritten } = await file(op, files).write(
      contentBytes(op['data'] ?? ''),
      0,
      undefined,
      position,
    );
    return bytesWritten;
  },
  ftruncate: (_, op, files) => file(op, files).truncate(Number(op['len'])),
  fchmod: (_, op, files) => file(op, files).chmod(String(op['mode'])),
  sync: (union) => union.sync(),
  sleep: (_, op) => sleep(Number(op['s']) * 1000),
  async drop_caches() {},
};

function at(op: Op, key: 'path' | 'from' | 'to' = 'path'): Buffer {
  return toBytes(String(op[key]));
}

function file(op: Op, files: Files): UnionFileHandle {
  const opened = files.get(String(op['fd']));
  if (opened === undefined) throw new NoSuchOperation('it was not opened', false);
  return opened;
}

function openFlags(names: unknown): number {
  const known: Readonly<Record<string, number>> = { ...constants, O_PATH };
  return (names as readonly string[]).reduce((flags, name) => flags | (known[name] ?? 0), 0);
}

/** To the last byte that the disk takes; see `write_all` of the agent. */
async function writeAll(opened: UnionFileHandle, data: Buffer): Promise<void> {
  let piece = data.length;
  for (let done = 0; done < data.length; ) {
    try {
      done += (await opened.write(data, done, Math.min(piece, data.length - done))).bytesWritten;
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'ENOSPC' || piece <= SMALLEST_PIECE) throw error;
      piece /= 2;
    }
  }
}

async function refuseSymlink(union: Union, op: Op): Promise<void> {
  if ((await union.lstat(at(op))).isSymbolicLink())
    throw new NoSuchOperation('attributes of symlinks are not in the API', false);
}
