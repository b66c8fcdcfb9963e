// SPDX-License-Identifier: MIT
// What a directory must hold after calls that were answered, and what it may hold after one that was not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Call } from '../helpers/agent.ts';
import { oneOf, type Pick } from '../helpers/random.ts';

/** A file; its names share it. */
interface File {
  content: string;
}

/** Path to file, or to null for a directory. */
export type Expected = Map<string, File | null>;

const TEXTS = ['x', 'yz', 'other '];
export const EXCHANGE = 2;

/** A call in `directory` that may well work. Files stay within a page, so that a write is one step. */
export function nextCall(expected: Expected, directory: string, pick: Pick): Call {
  const known = [...expected.keys()].filter((path) => path.startsWith(`${directory}/`));
  const directories = [directory, ...known.filter((path) => expected.get(path) === null)];
  const fresh = (): string => `${oneOf(pick, directories)}/n${pick(6)}`;
  const some = (): string => (known.length === 0 ? fresh() : oneOf(pick, known));
  const any = (): string => (pick(3) === 0 ? some() : fresh());
  const [text, size] = [oneOf(pick, TEXTS), 1 + pick(1500)];
  const makers: readonly (() => Call)[] = [
    () => ({ op: 'put', path: any(), flags: 'O_WRONLY|O_CREAT|O_TRUNC', text, size }),
    () => ({ op: 'put', path: fresh(), flags: 'O_WRONLY|O_CREAT|O_EXCL', text, size }),
    () => ({ op: 'put', path: some(), flags: 'O_WRONLY', text, size }),
    () => ({ op: 'put', path: some(), flags: 'O_WRONLY', text, size }),
    () => ({ op: 'truncate', path: some(), size: pick(2000) }),
    () => ({ op: 'mkdir', path: fresh() }),
    () => ({ op: 'rmdir', path: some() }),
    () => ({ op: 'unlink', path: some() }),
    () => ({ op: 'link', path: some(), to: fresh() }),
    () => ({ op: 'rename', path: some(), to: any() }),
    () => ({ op: 'rename', path: some(), to: any() }),
    () => ({ op: 'rename2', path: some(), to: some(), how: EXCHANGE }),
  ];
  return oneOf(pick, makers)();
}

const inside = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(`${directory}/`);

/** The entry and all below it, under another name. */
function moved(expected: Expected, from: string, to: string): [string, File | null][] {
  return [...expected]
    .filter(([path]) => inside(path, from))
    .map(([path, file]) => [to + path.slice(from.length), file]);
}

function remove(expected: Expected, path: string): void {
  for (const key of [...expected.keys()]) if (inside(key, path)) expected.delete(key);
}

function rename(expected: Expected, from: string, to: string, keepOld: boolean): void {
  const [one, other] = [expected.get(from), expected.get(to)];
  if (from === to || (one && one === other)) return;
  const entries = moved(expected, from, to);
  remove(expected, to);
  if (!keepOld) remove(expected, from);
  for (const [path, file] of entries) expected.set(path, file);
}

function exchange(expected: Expected, one: string, other: string): void {
  if (one === other) return;
  const entries = [...moved(expected, one, other), ...moved(expected, other, one)];
  remove(expected, one);
  remove(expected, other);
  for (const [path, file] of entries) expected.set(path, file);
}

function put(expected: Expected, call: Call): void {
  const [path, text, size] = [String(call['path']), String(call['text']), Number(call['size'])];
  const data = text.repeat(size).slice(0, size);
  const file = expected.get(path) ?? { content: '' };
  const kept = String(call['flags']).includes('O_TRUNC') ? '' : file.content.slice(size);
  file.content = data + kept;
  expected.set(path, file);
}

/** `expected` after the call has been done. */
export function done(expected: Expected, call: Call): Expected {
  const after = structuredClone(expected);
  const [path, to] = [String(call['path']), String(call['to'])];
  const file = after.get(path);
  if (call.op === 'put') put(after, call);
  else if (call.op === 'truncate' && file) {
    const size = Number(call['size']);
    file.content = file.content.slice(0, size).padEnd(size, '\0');
  } else if (call.op === 'mkdir') after.set(path, null);
  else if (call.op === 'rmdir' || call.op === 'unlink') after.delete(path);
  else if (call.op === 'link') after.set(to, file as File);
  else if (call.op === 'rename') rename(after, path, to, false);
  else if (call.op === 'rename2') exchange(after, path, to);
  return after;
}

/** Whether the call can be carried out at all, so that one without an answer may have been. */
function possible(expected: Expected, call: Call): boolean {
  const [path, to] = [String(call['path']), String(call['to'])];
  const entry = expected.get(path);
  const has = expected.has(path);
  const full = (at: string) => [...expected.keys()].some((key) => key.startsWith(`${at}/`));
  if (call.op === 'put') return entry !== null && (has || String(call['flags']).includes('O_CREAT'));
  if (call.op === 'truncate' || call.op === 'unlink') return has && entry !== null;
  if (call.op === 'rmdir') return entry === null && !full(path);
  if (call.op === 'mkdir') return !has;
  if (call.op === 'link') return has && entry !== null && !expected.has(to);
  if (path !== to && (inside(to, path) || (call.op === 'rename2' && inside(path, to)))) return false;
  if (call.op === 'rename2') return has && expected.has(to);
  const target = expected.get(to);
  if (!expected.has(to)) return has;
  return has && (entry === null) === (target === null) && !full(to);
}

/** All that may be seen if the call got no answer: as before, as after, or what docs/architecture.md allows in between. */
export function mayBe(expected: Expected, call: Call): Expected[] {
  if (!possible(expected, call)) return [expected];
  const states = [expected, done(expected, call)];
  if (call.op === 'put' && String(call['flags']).includes('O_CREAT')) {
    states.push(done(expected, { ...call, flags: 'O_TRUNC', text: '', size: 0 }));
  }
  if (call.op === 'rename') {
    const both = structuredClone(expected);
    rename(both, String(call['path']), String(call['to']), true);
    states.push(both);
  }
  return states;
}

/** A line for each entry; which names are one file is told only by what is written through them. */
export function tell(expected: Expected, directory: string): string {
  return [...expected]
    .filter(([path]) => path.startsWith(`${directory}/`))
    .map(([path, file]) => `${path} ${file === null ? 'dir' : JSON.stringify(brief(file.content))}`)
    .sort()
    .join('\n');
}

export function look(root: string, directory: string): string {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      const text = entry.isDirectory() ? 'dir' : JSON.stringify(brief(readFileSync(full, 'utf8')));
      return `${full.slice(root.length + 1)} ${text}`;
    })
    .sort()
    .join('\n');
}

/** Runs told by their length. */
function brief(content: string): string {
  return content.replaceAll(
    /(.)\1{3,}|((?:yz){3,})|((?:other ){3,})/gs,
    (run) => `${run.slice(0, 6)}*${run.length} `,
  );
}
