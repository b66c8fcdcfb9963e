// SPDX-License-Identifier: MIT
import type { Place } from './place.ts';
import type { Tree } from './tree.ts';

/** The tree as the place shows it. */
export async function look(place: Place, path = ''): Promise<Tree> {
  const tree: Record<string, Tree[string]> = {};
  for (const name of (await place.readdir(path)).sort()) {
    const at = path === '' ? name : `${path}/${name}`;
    const type = (await place.lstat(at)).mode & 0o170000;
    if (type === 0o040000) tree[name] = await look(place, at);
    else if (type === 0o120000) tree[name] = { link: await place.readlink(at) };
    else tree[name] = await place.readFile(at);
  }
  return tree;
}
