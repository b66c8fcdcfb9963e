// SPDX-License-Identifier: MIT
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { binding } from '../../lib/binding.ts';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { unmount } from '../../lib/mount.ts';
import { openStore, type Store } from '../../lib/store/index.ts';

/**
 * True where a mount can be tried at all. Tests that need one say so in their title when they are skipped.
 */
export const canMount = ((): boolean => {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
})();

/** A directory that goes away with the test, together with everything that is still mounted below it. */
export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'aufs-store-'));
  t.teardown(async () => {
    for (const { target } of (await readMounts()).reverse()) {
      if (target.startsWith(`${directory}/`)) await unmount(target, { lazy: true });
    }
    await binding().removeTree(directory);
  });
  return directory;
}

/** A new store that goes away with the test. */
export async function temporaryStore(t: ExecutionContext): Promise<Store> {
  const store = await openStore(join(await temporaryDirectory(t), 'aufs'));
  t.teardown(() => store.close());
  return store;
}

/** Writes files, given as path to content; a path that ends with `/` is a directory. */
export async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(name.endsWith('/') ? path : dirname(path), { recursive: true });
    if (!name.endsWith('/')) await writeFile(path, content);
  }
}

/** A layer id that is easy to read: one digit over and over. */
export function id(digit: string): string {
  return digit.repeat(64);
}
