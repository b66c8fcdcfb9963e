// SPDX-License-Identifier: MIT
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A symlink in a {@link Tree}. */
export interface Link {
  readonly link: string;
}

/** One more name of a file in a {@link Tree}, which is given by its path from the root of the tree. */
export interface HardLink {
  readonly hard: string;
}

/** A directory as data: string = file content, object = directory, `{ link }` = symlink, `{ hard }` = hard link. */
export type Tree = { readonly [name: string]: string | Link | HardLink | Tree };

function isLink(entry: Link | HardLink | Tree): entry is Link {
  return 'link' in entry && typeof entry['link'] === 'string' && Object.keys(entry).length === 1;
}

function isHardLink(entry: Link | HardLink | Tree): entry is HardLink {
  return 'hard' in entry && typeof entry['hard'] === 'string' && Object.keys(entry).length === 1;
}

/** Makes the directory `root` (and those above it) and what `tree` says in it. */
export async function writeTree(root: string, tree: Tree): Promise<void> {
  const hardLinks: [from: string, to: string][] = [];
  await writeEntries(root, tree, hardLinks);
  for (const [from, to] of hardLinks) await link(join(root, from), to);
}

async function writeEntries(root: string, tree: Tree, hardLinks: [string, string][]): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const [name, entry] of Object.entries(tree)) {
    const path = join(root, name);
    if (typeof entry === 'string') await writeFile(path, entry);
    else if (isLink(entry)) await symlink(entry.link, path);
    else if (isHardLink(entry)) hardLinks.push([entry.hard, path]);
    else await writeEntries(path, entry, hardLinks);
  }
}

/** What a directory holds, whiteouts and all; names in order. Housekeeping (`.wh..wh.aufs`, …) only if asked for. */
export async function readTree(root: string, { housekeeping = false } = {}): Promise<Tree> {
  const tree: Record<string, Tree[string]> = {};
  for (const name of (await readdir(root)).sort()) {
    if (!housekeeping && name.startsWith('.wh..wh.') && name !== '.wh..wh..opq') continue;
    const path = join(root, name);
    const stats = await lstat(path);
    if (stats.isDirectory()) tree[name] = await readTree(path, { housekeeping });
    else if (stats.isSymbolicLink()) tree[name] = { link: await readlink(path) };
    else if (stats.isFile()) tree[name] = await readFile(path, 'utf8');
    else throw new Error(`${path}: neither file, directory nor symlink`);
  }
  return tree;
}

/** All that lstat(2) tells of everything in a directory but what reading changes; a line each, to be compared. */
export async function readMetadata(root: string): Promise<string[]> {
  const lines: string[] = [];
  const look = async (path: string): Promise<void> => {
    const { mode, uid, gid, ino, nlink, size, mtimeNs, ctimeNs } = await lstat(path, { bigint: true });
    lines.push(`${path} ${mode.toString(8)} ${[uid, gid, ino, nlink, size, mtimeNs, ctimeNs].join(' ')}`);
    if ((mode & 0o170000n) !== 0o040000n) return;
    for (const name of (await readdir(path)).sort()) await look(join(path, name));
  };
  await look(root);
  return lines;
}

/** Names that a test's temporary directory and the trees in it go by. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** A temporary directory with the trees of `trees` in it, removed when it is disposed of. */
export async function scratch(trees: { readonly [name: string]: Tree } = {}): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'aufs-test-'));
  await writeTree(path, trees);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
