// SPDX-License-Identifier: MIT
// Opens the store ROOT as an ordinary user, in a process of its own, and prints what is left and what is wrong as JSON.
import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openStore } from '../../lib/store/index.ts';
import { id } from './store_helper.ts';

const [root = '', from = ''] = process.argv.slice(2);
const store = await openStore(root);
const left = (await readdir(join(root, 'diff'))).sort();
const temporaries = (await readdir(join(root, 'layers'))).length;
const { leftovers } = await store.gc();
const { findings } = await store.check();

// A layer whose own directory its owner has closed, and one of a directory that may not be written to.
const closed = await store.createLayer({ id: id('c') });
await mkdir(join(closed.diffPath, 'in'));
await chmod(closed.diffPath, 0);
const { deferred } = await closed.remove();
const copy = await store.createLayer({ from });
const { mode } = await lstat(copy.diffPath);
process.stdout.write(
  JSON.stringify({
    left,
    temporaries,
    collected: leftovers.length,
    findings: findings
      .filter(({ severity }) => severity === 'error')
      .map(({ kind, id }) => `${kind} ${id?.[0]}`),
    deferred,
    copied: (mode & 0o777).toString(8),
  }),
);
