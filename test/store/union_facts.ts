// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import type { Layer } from '../../lib/store/index.ts';
import { Union } from '../../lib/union.ts';

/** Everything that a layer shows over its parents, a line for each path; times in whole seconds if `times` is given. */
export async function unionFacts(layer: Layer, { times = true } = {}): Promise<string[]> {
  await using union = await Union.open({ branches: layer.branches(true) });
  const names = await union.readdir('/', { recursive: true, encoding: 'buffer' });
  const lines: string[] = [];
  for (const name of names) {
    const path = Buffer.concat([Buffer.from('/'), name]);
    const { mode, uid, gid, mtimeNs, ...stats } = await union.lstat(path, { bigint: true });
    const type = Number(mode) & 0o170000;
    const content =
      type === 0o100000
        ? createHash('sha256')
            .update(await union.readFile(path))
            .digest('hex')
        : type === 0o120000
          ? await union.readlink(path)
          : `${stats.rdev}`;
    lines.push(
      [name.toString('latin1'), mode.toString(8), uid, gid, times ? mtimeNs : '', content].join(' '),
    );
  }
  return lines.sort();
}
