// SPDX-License-Identifier: MIT
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A symlink in a {@link Tree}. */
export interface Link {
  readonly link: string;
}

/** A directory as data: string = file content, object = directory, `{ link }` = symlink. */
export type Tree = { readonly [name: string]: string | Link | Tree };

function isLink(entry: Link | Tree): entry is Link {
  return typeof entry['link'] === 'string' && Object.keys(entry).length === 1;
}

/** Makes the directory `root` (and those above it) and what `tree` says in it. */
export async function writeTree(root: string, tree: Tree): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const [name, entry] of Object.entries(tree)) {
    const path = join(root, name);
    if (typeof entry === 'string') await writeFile(path, entry);
    else if (isLink(entry)) await symlink(entry.link, path);
    else await writeTree(path, entry);
  }
}

/** What a directory holds, whiteouts and all; names in order. Housekeeping (`.wh..wh.aufs`, …) only if asked for. */
export async function readTree(root: string, { housekeeping = false } = {}): Promise<Tree> {
  const tree: Record<string, string | Link | Tree> = {};
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
