// SPDX-License-Identifier: MIT
// What a stack of layers means, told as simply as can be, to judge unions by: the rule of the OCI image specification
// ("Applying changesets").
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';

const OPAQUE = '.wh..wh..opq';

/** Makes `plain` what it is with the layer `layer` on top of it. Housekeeping of AUFS does not count. */
export function applyLayer(layer: string, plain: string): void {
  const copies = new Map<number, string>();
  const apply = (from: string, to: string): void => {
    const names = readdirSync(from);
    if (names.includes(OPAQUE)) for (const name of readdirSync(to)) remove(join(to, name));
    for (const name of names) {
      if (name.startsWith('.wh.') && !name.startsWith('.wh..wh.'))
        remove(join(to, name.slice('.wh.'.length)));
    }
    for (const name of names) if (!name.startsWith('.wh.')) place(join(from, name), join(to, name));
    copyTimes(from, to);
  };
  const place = (from: string, to: string): void => {
    const stats = lstatSync(from);
    const old = lstatSync(to, { throwIfNoEntry: false });
    if (old !== undefined && !(stats.isDirectory() && old.isDirectory())) remove(to);
    if (stats.isDirectory()) {
      mkdirSync(to, { recursive: true });
      chmodSync(to, stats.mode & 0o7777);
      apply(from, to);
      return;
    }
    const copy = copies.get(stats.ino);
    if (copy !== undefined) linkSync(copy, to);
    else if (stats.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else if (stats.isFile()) copyFileSync(from, to);
    else execFileSync('mkfifo', [to]);
    copies.set(stats.ino, to);
    if (!stats.isSymbolicLink()) chmodSync(to, stats.mode & 0o7777);
    copyTimes(from, to);
  };
  apply(layer, plain);
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function copyTimes(from: string, to: string): void {
  const { atimeMs, mtimeMs } = lstatSync(from);
  lutimesSync(to, atimeMs / 1000, mtimeMs / 1000);
}
