// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

/** One line of /proc/PID/mountinfo: one mount that a process sees. Source: proc_pid_mountinfo(5). */
export interface MountEntry {
  readonly id: number;
  readonly parentId: number;
  /** `st_dev` of the files on it, as `major:minor`. */
  readonly device: string;
  /** Which directory of the file system is shown there (`/` unless it is a bind mount). */
  readonly root: string;
  /** Where it is mounted, as the reading process sees it. */
  readonly target: string;
  readonly options: readonly string[];
  /** File system type with its subtype, for example `ext4` or `fuse.node-aufs`. */
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Undoes the kernel's escapes: blank, tab, newline, backslash and `#` are written as `\040`, `\011` … */
export function unescapeMountField(field: string): string {
  if (!field.includes('\\')) return field;
  const bytes: number[] = [];
  const raw = Buffer.from(field, 'utf8');
  for (let i = 0; i < raw.length; i++) {
    const digits = raw.subarray(i + 1, i + 4).toString('latin1');
    if (raw[i] === 0x5c && /^[0-3][0-7]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 8));
      i += 3;
    } else {
      bytes.push(raw[i] ?? 0);
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/**
 * Parses one line; undefined for a line that is none.
 * Between the sixth field and the lone `-` stand any number of optional fields (`shared:1` …).
 */
export function parseMountLine(line: string): MountEntry | undefined {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parentId, device, root, target, options] = fields;
  const [type, source, superOptions] = separator < 0 ? [] : fields.slice(separator + 1);
  if (id === undefined || parentId === undefined || device === undefined || type === undefined)
    return undefined;
  if (root === undefined || target === undefined || options === undefined) return undefined;
  return {
    id: Number(id),
    parentId: Number(parentId),
    device,
    root: unescapeMountField(root),
    target: unescapeMountField(target),
    options: options.split(','),
    type,
    source: unescapeMountField(source ?? ''),
    superOptions: unescapeMountField(superOptions ?? '').split(','),
  };
}

/** Parses a whole mountinfo file, in its order: a later mount covers an earlier one on the same target. */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const entry = line === '' ? undefined : parseMountLine(line);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/**
 * All mounts of this process's mount namespace. Read at once, not by the thread pool: the kernel has it in memory, and
 * five ways to the pool and back cost more than the reading.
 */
export async function readMounts(file = '/proc/self/mountinfo'): Promise<MountEntry[]> {
  return parseMountInfo(readFileSync(file, 'utf8'));
}

/**
 * The topmost mount on exactly `target` (absolute, symlinks resolved), or undefined when nothing is mounted
 * there.
 */
export function mountAt(mounts: readonly MountEntry[], target: string): MountEntry | undefined {
  return mounts.findLast((entry) => entry.target === target);
}

/** The mount that `path` (absolute, symlinks resolved) lies in. */
export function mountContaining(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const entry of mounts) {
    const inside = entry.target === '/' || path === entry.target || path.startsWith(`${entry.target}/`);
    if (inside && entry.target.length >= (best?.target.length ?? 0)) best = entry;
  }
  return best;
}
