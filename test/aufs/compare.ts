// SPDX-License-Identifier: MIT
// What the README of the scenarios says to compare and what to leave out.
import { createHash } from 'node:crypto';
import type { Answer, Entry, Json, Op } from './recording.ts';
import { toBytes, toText } from './recording.ts';

/** One thing that is not as recorded: `at` says where, such as `op[3] put a: errno` or `raw rw/d/x: mode`. */
export interface Difference {
  readonly at: string;
  readonly recorded: Json | undefined;
  readonly got: Json | undefined;
}

/** AUFS's own entries in the root of a branch: ours may make them or not. */
const HOUSEKEEPING = /^\.wh\.\.wh\.(aufs|plnk|orph)(\/|$)/;

/** Of an entry. The others (atime, ctime, blocks) are left out. */
const SAME = ['type', 'mode', 'uid', 'gid', 'err', 'content_err'] as const;

/** Of results that are a text, or a list in no order. */
const NORMAL_FORM: Readonly<Record<string, (ret: Json) => Json>> = {
  cat: text,
  read: text,
  mread: text,
  readlink: text,
  getxattr: text,
  readdir: (ret) => listing(ret),
  getdents: (ret) => sorted((ret as string[]).map((name) => toText(toBytes(name)))),
  listxattr: (ret) => sorted(ret as string[]),
};

type Fields = { readonly [key: string]: Json | undefined };

/** Equal labels are equal inodes and the reverse. */
class Inodes {
  readonly #byLabel = new Map<string, string>();
  readonly #byNumber = new Map<string, string>();

  /** Those of the mount (`m#1`) and of a branch (`b:rw#1`) have nothing to do with each other. */
  agree(label: string, value: Json): boolean {
    const number = `${label.split('#')[0]}#${value}`;
    const known = this.#byLabel.has(label) || this.#byNumber.has(number);
    if (known) return this.#byLabel.get(label) === number && this.#byNumber.get(number) === label;
    this.#byLabel.set(label, number);
    this.#byNumber.set(number, label);
    return true;
  }
}

export class Comparison {
  readonly differences: Difference[] = [];
  #inodes = new Inodes();

  /** Inode numbers may be others from here on. */
  remounted(): void {
    this.#inodes = new Inodes();
  }

  answer(at: string, op: Op, recorded: Answer, got: Answer): void {
    this.#equal(`${at}: errno`, recorded.errno, got.errno);
    if (recorded.errno !== null || got.errno !== null || recorded.ret === undefined) return;
    this.#result(`${at}: ret`, op, recorded.ret, got.ret ?? null);
  }

  #result(at: string, op: Op, recorded: Json, got: Json): void {
    const normal = Object.hasOwn(NORMAL_FORM, op.op) ? NORMAL_FORM[op.op] : undefined;
    if (op.op === 'lstat' || op.op === 'fstat') {
      this.#node(at, recorded as Fields, got as Fields, this.#inodes);
    } else if (op.op === 'dump') {
      this.tree(at, recorded as unknown as Entry[], got as unknown as Entry[], true);
    } else if (op.op === 'devs' || op.op === 'statfs') {
      this.#facts(at, recorded as Fields, got as Fields);
    } else if (op.op === 'branches') {
      const numbered = Object.entries(recorded as Fields).filter(([key]) => /^br\d+$/.test(key));
      this.#equal(at, Object.fromEntries(numbered) as Json, got);
    } else if (op['summary'] === true) {
      this.#equal(`${at}.count`, (recorded as Fields)['count'], (got as Json[]).length);
    } else if (op.op === 'parallel') {
      this.#equal(at, sums(expand(recorded)), sums(got as unknown as Answer[][]));
    } else {
      this.#equal(at, normal ? normal(recorded) : recorded, normal ? normal(got) : got);
    }
  }

  tree(at: string, recorded: readonly Entry[], got: readonly Entry[], branch: boolean): void {
    const [expected, found] = [byPath(recorded, branch), byPath(got, branch)];
    // The numbers of a branch are its file system's, which gives a free one away again.
    const inodes = branch ? new Inodes() : this.#inodes;
    for (const path of sorted([...new Set([...expected.keys(), ...found.keys()])])) {
      const [before, after] = [expected.get(path), found.get(path)];
      const where = `${at} ${path}`;
      if (before && after) this.#node(where, before, after, inodes, branch);
      else
        this.differences.push({
          at: where,
          recorded: before ? 'there' : 'absent',
          got: after ? 'there' : 'absent',
        });
    }
  }

  #node(at: string, recorded: Fields, got: Fields, inodes: Inodes, branch = false): void {
    for (const key of SAME) this.#equal(`${at}: ${key}`, recorded[key], got[key]);
    if (recorded['err'] !== undefined) return;
    const directory = recorded['type'] === 'dir';
    if (!directory) {
      this.#equal(`${at}: nlink`, recorded['nlink'], got['nlink']);
      this.#equal(`${at}: size`, recorded['size'], got['size']);
      this.#equal(`${at}: mtime`, recorded['mtime'], got['mtime']);
    } else if (recorded['mtime'] !== 'now') {
      // Deliberate difference 4: `now` is accepted either way.
      this.#equal(`${at}: mtime`, recorded['mtime'], got['mtime']);
    }
    this.#equal(
      `${at}: content`,
      canonical(recorded['content']),
      digestAs(recorded['content'], got['content']),
    );
    this.#equal(`${at}: target`, canonical(recorded['target']), canonical(got['target']));
    this.#equal(`${at}: xattrs`, attributes(recorded['xattrs']), attributes(got['xattrs']));
    // Where the data lies between holes is a matter of the branch's file system.
    if (branch && recorded['data'] !== undefined) this.#equal(`${at}: data`, recorded['data'], got['data']);
    const [label, number] = [recorded['ino'], got['ino'] ?? null];
    if (typeof label === 'string' && !inodes.agree(label, number)) {
      this.differences.push({ at: `${at}: ino`, recorded: label, got: number });
    }
  }

  /** Numbers of inodes and of free blocks are nobody's business here, nor is the name of the file system. */
  #facts(at: string, recorded: Fields, got: Fields): void {
    for (const [key, value] of Object.entries(recorded)) {
      if (/^(bsize|equals_.*|dev_.*)$/.test(key)) this.#equal(`${at}.${key}`, sizes(value), sizes(got[key]));
    }
  }

  #equal(at: string, recorded: Json | undefined, got: Json | undefined): void {
    if (stable(recorded) !== stable(got)) this.differences.push({ at, recorded, got });
  }
}

function byPath(entries: readonly Entry[], branch: boolean): Map<string, Entry> {
  const shown = branch ? entries.filter(({ path }) => !HOUSEKEEPING.test(path)) : entries;
  return new Map(shown.map((entry) => [toText(toBytes(entry.path)), entry]));
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort();
}

/** JSON with sorted keys. */
function stable(value: Json | undefined): string {
  return JSON.stringify(value ?? null, (_, inner: Json) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** One way to write each text: contents may be given plain, as hex, or as a digest. */
function canonical(value: Json | undefined): Json | undefined {
  return typeof value === 'string' && !value.startsWith('sha256:') ? toText(toBytes(value)) : value;
}

/** The same of a result. */
function text(ret: Json): Json {
  return canonical(ret) ?? null;
}

/** `value` as a digest, if `like` is one. */
function digestAs(like: Json | undefined, value: Json | undefined): Json | undefined {
  if (typeof like !== 'string' || typeof value !== 'string') return value;
  if (!like.startsWith('sha256:') || value.startsWith('sha256:')) return canonical(value);
  const bytes = toBytes(value);
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}:${bytes.length}`;
}

function attributes(xattrs: Json | undefined): Json {
  const entries = Object.entries((xattrs ?? {}) as { readonly [name: string]: string });
  return Object.fromEntries(entries.map(([name, value]) => [name, text(value)]));
}

/** Names with types, in no order. Of `.` and `..` AUFS gives the numbers of a branch, which is not to be imitated. */
function listing(entries: Json): Json {
  return (
    entries as readonly {
      readonly name: string;
      readonly d_type: string;
      readonly d_ino_eq_st_ino?: boolean;
    }[]
  )
    .filter(({ name }) => !HOUSEKEEPING.test(name))
    .map(({ name, d_type: type, d_ino_eq_st_ino: equal }) => {
      const dots = name === '.' || name === '..';
      return `${text(name)} ${type}${equal === undefined || dots ? '' : ` ${equal}`}`;
    })
    .sort();
}

/** Of what statfs says only what others on the same disk do not change meanwhile. */
function sizes(value: Json | undefined): Json | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const { blocks = null, files = null } = value as Fields;
  return { blocks, files };
}

/** Recorded are the kinds of outcome and how many processes had it. */
function expand(recorded: Json): Answer[][] {
  const groups = recorded as unknown as readonly { readonly n: number; readonly results: Answer[] }[];
  return groups.flatMap(({ n, results }) => Array.from({ length: n }, () => results));
}

/** Which process wins is chance; how many do is not. */
function sums(processes: readonly (readonly Answer[])[]): Json {
  const [first = []] = processes;
  return first.map((_, i) => processes.map((answers) => stable(answers[i] as unknown as Json)).sort());
}
