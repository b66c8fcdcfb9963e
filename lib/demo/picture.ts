// SPDX-License-Identifier: MIT
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layer, Store } from '../store/index.ts';
import { shortId } from '../store/layer_id.ts';

/**
 * The store on disk: `diff/` of one layer in full, of the others the first names, `layers/` with what is in
 * them.
 */
export async function picture(
  store: Store,
  names: ReadonlyMap<string, string>,
  shown: Layer,
): Promise<string> {
  const named = (id: string): string => `${shortId(id)}…  (${names.get(id) ?? '?'})`;
  const ids = (await store.layers()).map((layer) => layer.id);
  const lines = ['diff/'];
  for (const id of ids) {
    lines.push(`  ${named(id)}`);
    const diff = join(store.root, 'diff', id);
    if (id === shown.id) lines.push(...(await tree(diff, '    ')));
    else lines.push(`    ${(await readdir(diff)).join('  ')} …`);
  }
  lines.push('layers/');
  for (const id of ids) {
    lines.push(`  ${named(id)}`);
    const chain = (await readFile(join(store.root, 'layers', id), 'utf8'))
      .split('\n')
      .filter((line) => line !== '');
    lines.push(
      ...(chain.length === 0 ? ['    (empty: a base layer)'] : chain.map((parent) => `    ${named(parent)}`)),
    );
  }
  lines.push('mnt/');
  for (const id of ids) lines.push(`  ${named(id)}`);
  return lines.join('\n');
}

/** Every file below `directory`, hidden ones and whiteouts included. */
async function tree(directory: string, indent: string): Promise<string[]> {
  const lines: string[] = [];
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    // AUFS's own housekeeping in the root of a branch is no part of the change.
    if (entry.name.startsWith('.wh..wh.') && entry.name !== '.wh..wh..opq') continue;
    lines.push(`${indent}${entry.name}${entry.isDirectory() ? '/' : meaning(entry.name)}`);
    if (entry.isDirectory()) lines.push(...(await tree(join(directory, entry.name), `${indent}  `)));
  }
  return lines;
}

function meaning(name: string): string {
  if (name === '.wh..wh..opq') return '   <- opaque: nothing below shows through';
  return name.startsWith('.wh.') ? `   <- whiteout: ${name.slice(4)} is deleted` : '';
}
