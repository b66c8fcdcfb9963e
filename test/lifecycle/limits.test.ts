// SPDX-License-Identifier: MIT
// Limits of the process that serves: every file that is open on the mount is open there too.
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { serverPath } from '../../lib/server_path.ts';
import { canMount, Stage } from '../helpers/stage.ts';

const LIMIT = 256;
const title = `a server with ${LIMIT} descriptors says EMFILE, and loses nothing`;

(canMount ? test.serial : test.skip)(`${title}${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  const stage = await Stage.create(t, {}, { low: 'lower' });
  const server = join(stage.root, 'server.sh');
  await writeFile(server, `#!/bin/sh\nulimit -n ${LIMIT}\nexec '${serverPath()}' "$@"\n`, { mode: 0o755 });
  process.env['NODE_AUFS_SERVER'] = server;
  t.teardown(() => delete process.env['NODE_AUFS_SERVER']);
  const mountpoint = await stage.mount();
  const files = [];
  const refusals = new Set<string>();
  for (let i = 0; i < 2 * LIMIT; i++) {
    try {
      files.push(await open(stage.at(`f${i}`), 'w+'));
    } catch (error) {
      refusals.add((error as NodeJS.ErrnoException).code ?? '?');
    }
  }
  t.deepEqual([...refusals], ['EMFILE']);
  t.true(files.length > LIMIT / 2, `${files.length}`);
  for (const [i, file] of files.entries()) await file.write(`${i}`);
  for (const file of files) await file.close();
  // What was refused is not there, and everything works again.
  const names = (await readdir(stage.target)).filter((name) => name !== 'low');
  t.is(names.length, files.length);
  t.is(await readFile(stage.at('f9'), 'utf8'), '9');
  await writeFile(stage.at('low'), 'new');
  await mountpoint.unmount();
  t.is((await readdir(stage.upper)).filter((name) => !name.startsWith('.wh.')).length, files.length + 1);
});
