// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The npm that ships with Node: next to the running npm, in Node's prefix, or where `npm root -g` says. */
export async function findNpm(): Promise<string> {
  const execPath = process.env['npm_execpath'];
  const prefix = dirname(dirname(await realpath(process.execPath)));
  const candidates = [
    // npm_execpath is …/npm/bin/npm-cli.js under `npm start`; other package managers set it too.
    ...(execPath?.endsWith('npm-cli.js') === true ? [dirname(dirname(execPath))] : []),
    join(prefix, 'lib/node_modules/npm'),
    '/usr/share/nodejs/npm',
  ];
  for (const candidate of candidates) if (await isPackage(candidate)) return realpath(candidate);
  const { stdout } = await promisify(execFile)('npm', ['root', '-g']);
  return realpath(join(stdout.trim(), 'npm'));
}

async function isPackage(path: string): Promise<boolean> {
  try {
    return (await stat(join(path, 'package.json'))).isFile();
  } catch {
    return false;
  }
}

/** This project's own node_modules. lib/demo/ and dist/demo/ are both two levels below the package. */
export function findNodeModules(): Promise<string> {
  return realpath(fileURLToPath(new URL('../../node_modules', import.meta.url)));
}

/**
 * The largest regular file of at most `limit` bytes below `root`: its path relative to it, and its size in
 * bytes.
 */
export async function largestFile(root: string, limit: number): Promise<{ path: string; size: number }> {
  let largest = { path: '', size: -1 };
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    if (size > largest.size && size <= limit) largest = { path: path.slice(root.length + 1), size };
  }
  return largest;
}
