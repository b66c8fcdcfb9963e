// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Store } from '../../lib/store/index.ts';
import { shape } from '../helpers/shape.ts';

/** Everything that a store holds but housekeeping of unions, and what `check` finds; one fact a line. */
export async function describe(store: Store): Promise<string> {
  const { root } = store;
  const lines: string[] = [];
  for (const folder of ['diff', 'mnt', 'layers', '.node-aufs/layers', '.node-aufs/staging']) {
    for (const name of await readdir(join(root, folder))) lines.push(`${folder}/${name}`);
  }
  for (const { id, parents, readOnly, labels, diffId, problem, diffPath } of await store.layers()) {
    lines.push(JSON.stringify({ id, parents, readOnly, labels, diffId, problem: problem?.message }));
    const record = await readFile(join(root, '.node-aufs/layers', `${id}.tar-split.json.gz`)).catch(() => {});
    if (record !== undefined) {
      lines.push(`${id} record ${createHash('sha256').update(gunzipSync(record)).digest('hex')}`);
    }
    const files = (await shape(diffPath).catch(String)).split('\n');
    lines.push(
      ...files.filter((line) => !/^\.wh\.\.wh\.(aufs|orph|plnk)/.test(line)).map((line) => `${id} ${line}`),
    );
  }
  for (const { kind, path } of (await store.check()).findings) lines.push(`check: ${kind} ${path}`);
  return lines.sort().join('\n');
}

/** Lines that are in one text only. */
export function difference(wanted: string, found: string): string {
  const [before, now] = [wanted.split('\n'), found.split('\n')];
  const missing = before.filter((line) => !now.includes(line)).map((line) => `-${line}`);
  return [...missing, ...now.filter((line) => !before.includes(line)).map((line) => `+${line}`)].join(' | ');
}
