// SPDX-License-Identifier: MIT
import { dirname } from 'node:path';
import { hasCode } from '../errors.ts';
import { Union } from '../union.ts';

/** What Docker puts between image and container, so that it can mount its own files there: a directory, a file, a symlink. */
const ENTRIES: readonly (readonly [path: string, what: 'directory' | 'file' | { readonly link: string }])[] =
  [
    ['/dev/pts', 'directory'],
    ['/dev/shm', 'directory'],
    ['/proc', 'directory'],
    ['/sys', 'directory'],
    ['/.dockerenv', 'file'],
    ['/etc/resolv.conf', 'file'],
    ['/etc/hosts', 'file'],
    ['/etc/hostname', 'file'],
    ['/dev/console', 'file'],
    ['/etc/mtab', { link: '/proc/mounts' }],
  ];

/** Fills the empty directory `diff`, which will stand on the branches `below`, topmost first. */
export async function fillInitLayer(diff: string, below: readonly string[]): Promise<undefined> {
  const lower = below.map((path) => ({ path, mode: 'ro+wh' as const }));
  await using union = await Union.open({ branches: [{ path: diff, mode: 'rw' }, ...lower] });
  for (const [path, what] of ENTRIES) {
    await removeLinks(union, path);
    if (await exists(union, path)) continue;
    await makeDirectories(union, what === 'directory' ? path : dirname(path));
    if (what === 'directory') continue;
    if (what === 'file') {
      await union.writeFile(path, '');
      await union.chmod(path, 0o755);
    } else {
      await union.symlink(what.link, path);
    }
  }
}

/** Whatever an image has there but directories goes, at each step of the path: nothing leads elsewhere. */
async function removeLinks(union: Union, path: string): Promise<void> {
  for (const each of prefixes(path)) {
    if (!(await exists(union, each))) return;
    if (!(await union.lstat(each)).isDirectory()) await union.unlink(each);
  }
}

async function makeDirectories(union: Union, path: string): Promise<void> {
  for (const each of prefixes(path)) {
    if (await exists(union, each)) continue;
    await union.mkdir(each);
    await union.chmod(each, 0o755);
  }
}

/** `/a`, `/a/b`, … */
function prefixes(path: string): string[] {
  const names = path.split('/').slice(1);
  return names.map((_, i) => `/${names.slice(0, i + 1).join('/')}`).filter((each) => each !== '/');
}

async function exists(union: Union, path: string): Promise<boolean> {
  try {
    await union.lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
