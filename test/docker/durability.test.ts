// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { straceMissing } from '../faults/strace.ts';
import { moduleName, scriptArgs } from '../helpers/other_process.ts';
import { run } from '../helpers/stage.ts';
import { tar } from '../store/archive_helper.ts';
import { dockerRoot } from './docker_helper.ts';

const missing = straceMissing();
const tracing = missing === undefined ? test : test.skip;
const CALLS = 'fsync,fdatasync,syncfs,rename,renameat,renameat2,unlink,unlinkat';

tracing(
  `the layer of aufs/, then the entry’s files, then its name, then the folder; an entry goes before its data${missing === undefined ? '' : ` (needs ${missing})`}`,
  async (t) => {
    t.timeout(120_000);
    const { root, scratch } = await dockerRoot(t);
    const library = moduleName('index');
    const archive = tar([{ name: 'file', data: 'data' }]).toString('base64');
    const script = `
    const { openDockerStore } = await import(${library});
    const store = await openDockerStore(${JSON.stringify(root)}, {
      readOnly: false, pidFile: ${JSON.stringify(join(scratch, 'docker.pid'))},
    });
    const { layer } = await store.register([Buffer.from('${archive}', 'base64')], { parent: 'busybox' });
    await store.release(layer);
    const { mountId } = await store.createContainer('made', 'busybox');
    await store.removeContainer('made');
    console.log(layer.chainId.slice(7), layer.cacheId, mountId);`;
    const log = join(scratch, 'log');
    const node = [process.execPath, ...scriptArgs(script)];
    const { stdout } = await run('strace', [
      '-f',
      '-y',
      '-s',
      '500',
      '-o',
      log,
      '-e',
      `trace=${CALLS}`,
      ...node,
    ]);
    const [digits = '', cacheId = '', mountId = ''] = stdout.trim().split(' ');
    const lines = (await readFile(log, 'utf8')).split('\n');
    const after = (from: number, ...words: string[]): number => {
      const at = lines.findIndex((line, i) => i > from && words.every((word) => line.includes(word)));
      t.true(at > from, `${words.join(' ')} after line ${from}`);
      return at;
    };
    const layerdb = join(root, 'image/aufs/layerdb');
    const layers = join(layerdb, 'sha256');
    const mounts = join(layerdb, 'mounts');

    const begun = after(-1, 'fsync(', `${layerdb}/tmp>`);
    const named = after(begun, 'fsync(', '/write-set-', '/cache-id>');
    // What makes it a layer of aufs/; what comes before that is the store's own affair.
    const driver = after(named, 'rename', `aufs/layers/${cacheId}`);
    const files = ['diff', 'size', 'parent', 'tar-split.json.gz'].map((name) =>
      after(driver, 'fsync(', '/write-set-', `/${name}>`),
    );
    const committed = after(Math.max(...files), 'rename', '/write-set-', join(layers, digits));
    const flushed = after(committed, 'fsync(', `${layers}>`);

    const aside = after(flushed, 'rename', `"${join(layers, digits)}"`, '-removing');
    const asideFlushed = after(aside, 'fsync(', `${layers}>`);
    after(asideFlushed, 'unlink', `aufs/layers/${cacheId}`);

    const made = after(asideFlushed, 'rename', '/write-set-', `"${mounts}/made"`);
    const ended = after(made, 'rename', `"${mounts}/made"`, '/write-set-');
    const endFlushed = [mounts, `${layerdb}/tmp`].map((path) => after(ended, 'fsync(', `${path}>`));
    after(Math.max(...endFlushed), 'unlink', `aufs/layers/${mountId}`);
  },
);
