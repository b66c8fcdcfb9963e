// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import test from 'ava';
import { temporaryDirectory, write } from '../store/store_helper.ts';
import { nodeAufs } from './cli_helper.ts';

test('which: the branch of a path among directories', async (t) => {
  const cwd = await temporaryDirectory(t);
  await write(cwd, { 'a/x': '', 'b/x': '', 'b/y': '', 'b/gone': '', 'a/.wh.gone': '' });
  const run = (...paths: string[]): ReturnType<typeof nodeAufs> =>
    nodeAufs(['which', '--json', '--branches', `${join(cwd, 'a')}:${join(cwd, 'b')}`, ...paths]);
  t.deepEqual(JSON.parse((await run('x', '/y')).stdout), {
    found: [
      { path: 'x', index: 0, branch: join(cwd, 'a'), mode: 'rw', file: join(cwd, 'a/x') },
      { path: '/y', index: 1, branch: join(cwd, 'b'), mode: 'ro+wh', file: join(cwd, 'b/y') },
    ],
  });
  t.like(await run('gone'), { code: 66 });
  t.like(await run('never'), { code: 66 });
});

test('which: --layer and --branches exclude each other', async (t) => {
  t.like(await nodeAufs(['which', '--layer', 'a', '--branches', '/', 'x']), { code: 64 });
});
