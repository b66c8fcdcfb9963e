// SPDX-License-Identifier: MIT
// Every call on every kind of thing, each in a directory of its own (a cell), which is named after what is done in it.
import type { Agent, Call } from '../helpers/agent.ts';

/** Something that a call can be made on: how it is made at `at`, and the path that the call is given. */
interface Thing {
  readonly make: (at: string) => readonly Call[];
  readonly path?: (at: string) => string;
}

const file = (path: string, size = 5000): Call => ({
  op: 'put',
  path,
  flags: 'O_WRONLY|O_CREAT',
  text: 'text ',
  size,
});
const directory = (path: string): Call => ({ op: 'mkdir', path });
const symlink = (path: string, text: string): Call => ({ op: 'symlink', path, text });

const full = (at: string): Call[] => [
  directory(at),
  file(`${at}/x`),
  file(`${at}/y`, 10),
  directory(`${at}/s`),
  file(`${at}/s/x`, 1),
];

const THINGS: Readonly<Record<string, Thing>> = {
  nothing: { make: () => [] },
  file: { make: (at) => [file(at)] },
  'empty file': { make: (at) => [file(at, 0)] },
  'file of two names': { make: (at) => [file(at), { op: 'link', path: at, to: `${at}.too` }] },
  'empty directory': { make: (at) => [directory(at)] },
  'full directory': { make: full },
  'symlink to a file': {
    make: (at) => [file(`${at}.target`), symlink(at, `${at.split('/').at(-1)}.target`)],
  },
  'symlink to a directory': { make: (at) => [...full(`${at}.d`), symlink(at, `${at.split('/').at(-1)}.d`)] },
  'dangling symlink': { make: (at) => [symlink(at, 'nowhere')] },
  fifo: { make: (at) => [{ op: 'mkfifo', path: at }] },
  'file in a directory': { make: full, path: (at) => `${at}/x` },
  'new name in a directory': { make: full, path: (at) => `${at}/new` },
  'name in a file': { make: (at) => [file(at)], path: (at) => `${at}/x` },
  'name in nothing': { make: () => [], path: (at) => `${at}/x` },
  'directory with a slash': { make: full, path: (at) => `${at}/` },
  'file with a slash': { make: (at) => [file(at)], path: (at) => `${at}/` },
  'nothing with a slash': { make: () => [], path: (at) => `${at}/` },
};

const put = (flags: string, mode = 0o644) => ({ op: 'put', flags, mode, text: 'new', size: 7 });

/** Calls on one path. */
const ON_ONE: Readonly<Record<string, Call>> = {
  create: put('O_WRONLY|O_CREAT'),
  'create exclusively': put('O_WRONLY|O_CREAT|O_EXCL', 0o4755),
  overwrite: put('O_WRONLY'),
  append: put('O_WRONLY|O_APPEND'),
  replace: put('O_WRONLY|O_TRUNC'),
  read: { op: 'cat' },
  list: { op: 'readdir' },
  stat: { op: 'lstat' },
  mkdir: { op: 'mkdir', mode: 0o2750 },
  rmdir: { op: 'rmdir' },
  unlink: { op: 'unlink' },
  mkfifo: { op: 'mkfifo' },
  symlink: { op: 'symlink', text: 'some/where' },
  readlink: { op: 'readlink' },
  'truncate to nothing': { op: 'truncate', size: 0 },
  truncate: { op: 'truncate', size: 4097 },
  lengthen: { op: 'truncate', size: 70_000 },
  chmod: { op: 'chmod', mode: 0o6711 },
  utime: { op: 'utime', at: 1_234_567_890_000_000_000 },
  setxattr: { op: 'setxattr', name: 'k', text: 'value' },
  removexattr: { op: 'removexattr', name: 'k' },
};

/** Calls on two. */
const ON_TWO: Readonly<Record<string, Call>> = {
  rename: { op: 'rename' },
  link: { op: 'link' },
  'rename, no replace,': { op: 'rename2', how: 1 },
  exchange: { op: 'rename2', how: 2 },
};

export interface Cell {
  readonly title: string;
  readonly make: readonly Call[];
  readonly call: Call;
}

/** Whether this moves the time of the file differs from one file system to the next. */
const LEFT_OUT = 'truncate to nothing empty file';

/** All of them, about 1500. */
export function allCells(): Cell[] {
  const cells: Cell[] = [];
  const things = Object.entries(THINGS);
  for (const [name, call] of Object.entries(ON_ONE)) {
    for (const [kind, { make, path = (at: string) => at }] of things) {
      const title = `${name} ${kind}`;
      if (title === LEFT_OUT) continue;
      const at = `${title}/a`;
      cells.push({ title, make: make(at), call: { ...call, path: path(at) } });
    }
  }
  for (const [name, call] of Object.entries(ON_TWO)) {
    for (const [fromKind, from] of things) {
      for (const [toKind, to] of things) {
        const title = `${name} ${fromKind} to ${toKind}`;
        const [one, other] = [`${title}/a`, `${title}/b`];
        const path = from.path?.(one) ?? one;
        const make = [...from.make(one), ...to.make(other)];
        cells.push({ title, make, call: { ...call, path, to: to.path?.(other) ?? other } });
      }
    }
    cells.push(...related(name, call));
  }
  return cells;
}

/** Two paths that have to do with each other. */
function related(name: string, call: Call): Cell[] {
  const cell = (what: string, make: (at: string) => Call[], from: string, to: string): Cell => {
    const title = `${name} ${what}`;
    const under = (path: string): string => `${title}/${path}`;
    return { title, make: make(under('a')), call: { ...call, path: under(from), to: under(to) } };
  };
  const two = (at: string): Call[] => [file(at), { op: 'link', path: at, to: `${at}.too` }];
  return [
    cell('a file to itself', (at) => [file(at)], 'a', 'a'),
    cell('a directory to itself', full, 'a', 'a'),
    cell('a file to its other name', two, 'a', 'a.too'),
    cell('a directory into itself', full, 'a', 'a/s/new'),
    cell('a directory to one in it', full, 'a', 'a/s'),
    cell('a directory to the one that it is in', full, 'a/s', 'a'),
    cell('a file to the directory that it is in', full, 'a/x', 'a'),
    cell('a file to one beside it', full, 'a/x', 'a/y'),
    cell('a file to the directory beside it', full, 'a/x', 'a/s'),
    cell('a directory to the file beside it', full, 'a/s', 'a/y'),
    cell('a file out of its directory', full, 'a/s/x', 'b'),
    cell('a directory out of its directory', full, 'a/s', 'b'),
    cell('a dot', full, 'a/.', 'b'),
    cell('to two dots', full, 'a/s', 'a/..'),
  ];
}

/** Makes them below the agent's directory. @returns those that the file system can hold. */
export async function makeCells(agent: Agent, cells: readonly Cell[]): Promise<Cell[]> {
  const made: Cell[] = [];
  for (const cell of cells) if (await makeCell(agent, cell)) made.push(cell);
  return made;
}

async function makeCell(agent: Agent, { title, make }: Cell): Promise<boolean> {
  for (const call of [{ op: 'mkdir', path: title }, ...make]) {
    const answer = await agent.run(call);
    if (answer === 'null') continue;
    if (UNABLE.has(answer)) return false;
    throw new Error(`${JSON.stringify(call)}: ${answer}`);
  }
  return true;
}

/** What file systems say that have no links, symlinks or fifos. */
const UNABLE: ReadonlySet<string> = new Set(['"EPERM"', '"EOPNOTSUPP"', '"ENOSYS"', '"EIO"']);
