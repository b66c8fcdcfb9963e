// SPDX-License-Identifier: MIT
import { readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { mounted } from '../helpers/mounted.ts';

mounted(
  'shwh: whiteouts are listed and can be looked at, and cannot be changed',
  { '.wh.gone': '', there: 'x', dir: { file: 'y' } },
  {},
  async (t, stage) => {
    await stage.mount({ shwh: true });
    t.deepEqual((await readdir(stage.target)).sort(), ['.wh.gone', 'dir', 'there']);
    t.is((await stat(stage.at('.wh.gone'))).size, 0);
    t.is(await readFile(stage.at('.wh.gone'), 'utf8'), '');
    await t.throwsAsync(stat(stage.at('gone')), { code: 'ENOENT' });
    await t.throwsAsync(unlink(stage.at('.wh.gone')), { code: 'EPERM' });
    await t.throwsAsync(writeFile(stage.at('.wh.gone'), 'no'), { code: 'EPERM' });
    await t.throwsAsync(writeFile(stage.at('.wh.new'), ''), { code: 'EPERM' });
    // One that is made while the union is in use.
    await unlink(stage.at('there'));
    t.deepEqual((await readdir(stage.target)).sort(), ['.wh.gone', '.wh.there', 'dir']);
    await writeFile(stage.at('there'), 'again');
    t.deepEqual((await readdir(stage.target)).sort(), ['.wh.gone', 'dir', 'there']);
  },
);
