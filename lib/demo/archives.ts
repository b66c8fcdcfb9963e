// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { humanBytes } from '../cli/terminal.ts';
import type { Layer, Store } from '../store/index.ts';
import { Union } from '../union.ts';
import { openWorkplace } from './open_workplace.ts';
import type { Report } from './report.ts';

interface Stage {
  readonly store: Store;
  readonly report: Report;
  readonly mounting: boolean;
  /** An empty directory for archives. */
  readonly directory: string;
}

/** An archive of tar(1) becomes a layer, a container on it is changed, and its diff goes out and comes back. */
export async function archivesInAndOut(stage: Stage, modulesTree: string): Promise<void> {
  const { store, report, mounting, directory } = stage;
  const archive = join(directory, 'base.tar');
  await promisify(execFile)('tar', ['-cf', archive, '-C', modulesTree, 'commander']);
  const digest = await sha256(archive);
  report.line(`  ${archive}: ${digest}`);
  const base = await takeIn(stage, archive, undefined, digest);
  report.expect(
    'the archive goes out again byte for byte',
    await goOut(base, `${archive}.again`, true),
    digest,
  );

  const container = await store.createLayer({ parent: base });
  {
    await using place = await openWorkplace(container, { mounting, report });
    await place.workplace.append('commander/package.json', '\n');
    await place.workplace.remove('commander/LICENSE');
    await place.workplace.append('new.txt', 'new\n');
    await place.close();
  }
  const diff = join(directory, 'diff.tar');
  const diffDigest = await goOut(container, diff, false);
  report.line(`  ${diff}: ${diffDigest}`);
  const { stdout } = await promisify(execFile)('tar', ['-tf', diff]);
  const names = stdout.trim().split('\n');
  const expected = ['commander/', 'commander/.wh.LICENSE', 'commander/package.json', 'new.txt'];
  report.expect('the diff has what was changed, and a whiteout', names, expected);

  const changed = await takeIn(stage, diff, base, diffDigest);
  await using union = await Union.open({ branches: changed.branches(true) });
  const original = await readFile(join(modulesTree, 'commander/package.json'), 'utf8');
  report.expect(
    'applied on the base it shows the edit',
    await union.readFile('commander/package.json', 'utf8'),
    `${original}\n`,
  );
  report.expect('and not what was deleted', (await union.readdir('commander')).includes('LICENSE'), false);
  const sound = (await store.verify()).layers.filter(({ state }) => state === 'whole').length;
  report.expect('both layers are what their archives say', sound, 2);
}

async function takeIn(
  { store, report }: Stage,
  file: string,
  parent: Layer | undefined,
  digest: string,
): Promise<Layer> {
  const started = performance.now();
  const applied = await store.apply(createReadStream(file), { parent });
  const took = (performance.now() - started).toFixed(0);
  report.line(`  applied ${applied.entries} entries, ${humanBytes(applied.size)} in ${took} ms`);
  report.expect(`its diff id is the archive's digest`, applied.diffId, digest);
  return applied.layer;
}

async function goOut(layer: Layer, file: string, exact: boolean): Promise<string> {
  await pipeline(layer.archive({ exact }), createWriteStream(file));
  return sha256(file);
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest('hex')}`;
}
