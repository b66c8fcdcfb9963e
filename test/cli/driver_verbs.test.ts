// SPDX-License-Identifier: MIT
// Docker's graph driver, each method by its known name on the command line.
import { existsSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sha256, tar } from '../store/archive_helper.ts';
import { canMount, id, temporaryDirectory, write } from '../store/store_helper.ts';
import { nodeAufs } from './cli_helper.ts';

const mounting = canMount ? test.serial : test.skip;
const why = canMount ? '' : ' (needs /dev/fuse)';
const [A, B, C] = [id('a'), id('b'), id('c')];

test('driver: create, create-rw, exists, status, changes, diff, apply-diff, diff-size, diff-getter, remove', async (t) => {
  const directory = await temporaryDirectory(t);
  const root = join(directory, 'aufs');
  const run = async (expected: string | RegExp, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await nodeAufs(['--root', root, 'driver', ...args]);
    t.is(stderr, '');
    t.is(code, 0, args.join(' '));
    if (typeof expected === 'string') t.is(stdout, expected, args.join(' '));
    else t.regex(stdout, expected);
    return stdout;
  };
  await run(`${A}\n`, 'create', A, '--label', 'name=base');
  await write(join(root, 'diff', A), { 'etc/hosts': '12345', gone: '' });
  await run(`${B}\n`, 'create-rw', B, 'base');
  await write(join(root, 'diff', B), { 'etc/new': '123', '.wh.gone': '' });
  await run('true\n', 'exists', A);
  t.like(await nodeAufs(['--root', root, 'driver', 'exists', C]), { code: 66, stdout: 'false\n' });
  await run(/^Root Dir: .*\n.*\nDirs: 2\n/, 'status');
  await run('null\n', 'get-metadata', A);
  await run('C /etc\nA /etc/new\nD /gone\n', 'changes', 'bbb');
  await run('A /etc\nA /etc/hosts\nA /etc/new\n', 'changes', B, '');
  await run('C /etc\nD /etc/new\nA /gone\n', 'changes', 'base', B);
  await run('3\n', 'diff-size', B);
  await run('8\n', 'diff-size', B, '');
  await run('12345', 'diff-getter', 'base', 'etc/hosts');
  const whole = join(directory, 'whole.tar');
  await run(/^sha256:[0-9a-f]{64}\n$/, 'diff', B, '', '-o', whole);
  await run(`${C}\n`, 'create', C);
  await run('8\n', 'apply-diff', C, whole);
  await run('A /etc\nA /etc/hosts\nA /etc/new\n', 'changes', C);
  t.like(await nodeAufs(['--root', root, 'driver', 'create', id('d'), '--storage-opt', 'size=1G']), {
    code: 64,
  });
  await run('', 'remove', B);
  await run('', 'remove', B);
  await run('{"removed":null}\n', 'remove', B, '--json');
});

test('layer apply --once: the layer that is there', async (t) => {
  const directory = await temporaryDirectory(t);
  const archive = tar([{ name: 'f', data: 'once' }]);
  await writeFile(join(directory, 'a.tar'), archive);
  const apply = (...more: string[]) =>
    nodeAufs([
      '--root',
      join(directory, 'aufs'),
      'layer',
      'apply',
      '--once',
      join(directory, 'a.tar'),
      ...more,
    ]);
  t.like(await apply(), { code: 64 });
  const first = await apply('--diff-id', sha256(archive), '--label', 'name=first');
  t.is(first.stdout, (await apply('--diff-id', sha256(archive))).stdout);
  // A name stands for an id wherever a layer is named.
  const named = (...args: string[]) => nodeAufs(['--root', join(directory, 'aufs'), ...args]);
  t.like(await named('changes', 'first'), { code: 0, stdout: 'A /f\n' });
  t.like(await named('changes', 'second'), { code: 64 });
  t.like(await named('rm', 'first'), { code: 0, stdout: first.stdout });
});

mounting(`driver get, put, cleanup; rm --force of a layer in use${why}`, async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  const run = (...args: string[]) => nodeAufs(['--root', root, ...args]);
  await run('driver', 'create', A);
  await run('driver', 'create-rw', B, A, '--label', 'name=top');
  const path = join(root, 'mnt', B);
  t.like(await run('driver', 'get', 'top'), { code: 0, stdout: `${path}\n`, stderr: '' });
  await writeFile(join(path, 'f'), 'x');
  t.like(await run('umount', 'top'), { code: 0 });
  t.like(await run('driver', 'get', B), { code: 0 });
  t.like(await run('driver', 'cleanup'), { code: 0, stdout: '', stderr: '' });
  t.like(await run('umount', B), { code: 69 });
  t.like(await run('driver', 'get', B), { code: 0 });
  t.like(await run('driver', 'put', B), { code: 0 });
  t.like(await run('driver', 'get', B), { code: 0 });
  const file = await open(join(path, 'f'));
  try {
    const refused = await run('rm', 'top');
    t.is(refused.code, 75);
    t.regex(refused.stderr, new RegExp(`ERR_LAYER_MOUNTED.*pid ${process.pid}.*--force`));
    const { code, stdout, stderr } = await run('rm', '--force', 'top');
    t.is(code, 0);
    t.is(stdout, `${B}\n`);
    t.regex(stderr, new RegExp(`freed when.*pid ${process.pid}`));
    t.true(existsSync(join(root, 'diff', `${B}-removing`)));
  } finally {
    await file.close();
  }
});
