// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryPlace } from './place.ts';

/** Names, types, modes, numbers of names and contents of everything below `root`, as one text to be compared. */
export async function shape(root: string): Promise<string> {
  const lines: string[] = [];
  const place = new DirectoryPlace(root);
  const look = async (path: string): Promise<void> => {
    for (const name of (await place.readdir(path)).sort()) {
      const at = path === '' ? name : `${path}/${name}`;
      const { mode, nlink } = await place.lstat(at);
      const type = mode & 0o170000;
      const line = `${at} ${mode.toString(8)}`;
      if (type === 0o040000) {
        lines.push(line);
        await look(at);
      } else if (type === 0o120000) lines.push(`${line} -> ${await place.readlink(at)}`);
      else {
        const content = await readFile(join(root, at), 'utf8');
        lines.push(`${line} ${nlink} ${content.length} ${content.slice(-8)}`);
      }
    }
  };
  await look('');
  return lines.join('\n');
}
