// SPDX-License-Identifier: MIT
// What of a removed layer an ordinary user may not open, or not even delete, keeps nobody from the store.
import { execFile, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { openStore } from '../../lib/store/index.ts';
import { isRoot } from '../helpers/stage.ts';
import { id, temporaryDirectory } from './store_helper.ts';

const PROGRAM = fileURLToPath(new URL('ordinary_user_sweep.ts', import.meta.url));
const USER = [
  '--reuid',
  '1234',
  '--regid',
  '1234',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];
const works = isRoot && spawnSync('setpriv', [...USER, 'test', '-r', PROGRAM]).status === 0;
const title = works ? '' : ' (needs root, setpriv and a project that all may read)';

(works ? test : test.skip)(
  `closed directories of removed layers are opened and go; root’s stay, are told of, and are in nobody’s way${title}`,
  async (t) => {
    const directory = await temporaryDirectory(t);
    await chmod(directory, 0o755);
    const root = join(directory, 'store');
    await openStore(root);
    const removing = (digit: string) => join(root, 'diff', `${id(digit)}-removing`);
    const inside = join(removing('a'), 'closed');
    const own = removing('b');
    const theirs = removing('0');
    for (const path of [join(inside, 'in'), join(own, 'in'), theirs]) await mkdir(path, { recursive: true });
    await writeFile(join(theirs, 'file'), '');
    await writeFile(join(root, 'layers', `.${id('d')}.0123456789ab`), '');
    const from = join(directory, 'from');
    await mkdir(from);
    await promisify(execFile)('chown', ['-R', '1234:1234', root]);
    await chown(theirs, 0, 0);
    for (const path of [inside, own, theirs]) await chmod(path, 0);
    await chmod(from, 0o555);
    const program = [process.execPath, '--import=tsx', PROGRAM, root, from];
    const env = { ...process.env, HOME: root, TMPDIR: root };
    const { stdout } = await promisify(execFile)('setpriv', [...USER, ...program], { env });
    t.deepEqual(JSON.parse(stdout), {
      left: [`${id('0')}-removing`],
      temporaries: 0,
      collected: 0,
      findings: ['removing 0'],
      deferred: false,
      copied: '555',
    });
  },
);
