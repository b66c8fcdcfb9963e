// SPDX-License-Identifier: MIT

import { Buffer } from 'node:buffer';
import { constants, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Change, Union } from '../../lib/union.ts';
import { readTree, type Scratch, scratch, type Tree } from '../helpers/tree.ts';

interface Stack extends AsyncDisposable {
  readonly union: Union;
  readonly upper: string;
  readonly lower: string;
}

/** A union of two branches; `lower` must be as it was at the end. */
async function open(t: ExecutionContext, lower: Tree = {}, upper: Tree = {}): Promise<Stack> {
  const dir: Scratch = await scratch({ upper, lower });
  const paths = { upper: join(dir.path, 'upper'), lower: join(dir.path, 'lower') };
  const before = await readTree(paths.lower, { housekeeping: true });
  const union = await Union.open({ branches: [paths.upper, paths.lower] });
  return {
    union,
    ...paths,
    [Symbol.asyncDispose]: async () => {
      await union.close();
      t.deepEqual(
        await readTree(paths.lower, { housekeeping: true }),
        before,
        'the lower branch was written',
      );
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function changesOf(union: Union): Promise<string[]> {
  const changes: Change[] = [];
  for await (const change of union.changes()) changes.push(change);
  return changes.map(({ kind, path }) => `${kind} ${path}`);
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: unknown }).code ?? (error as Error).name;
  }
  return 'no error';
}

test('reads what is below, above and in both', async (t) => {
  await using stack = await open(t, { a: 'below', b: 'below' }, { b: 'above', c: 'above' });
  const { union } = stack;
  t.deepEqual((await union.readdir('/')).sort(), ['a', 'b', 'c']);
  t.is(await union.readFile('a', 'utf8'), 'below');
  t.is(await union.readFile('/b', { encoding: 'utf8' }), 'above');
  t.deepEqual(await union.readFile('c'), Buffer.from('above'));
});

test('the first write copies up; deletion leaves a whiteout; both are changes', async (t) => {
  await using stack = await open(t, { d: { a: 'old', b: 'gone' } });
  const { union, upper } = stack;
  await union.appendFile('d/a', ' and new');
  await union.unlink('d/b');
  await union.writeFile('d/c', 'c');
  t.deepEqual(await readTree(upper), { d: { '.wh.b': '', a: 'old and new', c: 'c' } });
  t.deepEqual(await changesOf(union), ['C /d', 'C /d/a', 'D /d/b', 'A /d/c']);
});

test('a directory that is made anew does not show what was below', async (t) => {
  await using stack = await open(t, { d: { a: 'x', sub: { b: 'y' } } });
  const { union, upper } = stack;
  await union.rm('d', { recursive: true });
  t.deepEqual(await readTree(upper), { '.wh.d': '' });
  await union.mkdir('d');
  t.deepEqual(await union.readdir('d'), []);
  t.deepEqual(await readTree(upper), { d: { '.wh..wh..opq': '' } });
});

test('paths stay inside, whatever they say', async (t) => {
  await using stack = await open(t, {
    etc: { passwd: 'ours' },
    d: { up: { link: '../../../../etc/passwd' }, abs: { link: '/etc/passwd' } },
  });
  const { union } = stack;
  t.is(await union.readFile('../../etc/passwd', 'utf8'), 'ours');
  t.is(await union.readFile('d/up', 'utf8'), 'ours');
  t.is(await union.readFile('d/abs', 'utf8'), 'ours');
  t.is(await union.realpath('d/./abs'), '/etc/passwd');
  t.is(await union.realpath('/..'), '/');
  t.is(await union.readlink('d/up'), '../../../../etc/passwd');
});

test('writing through a dangling symlink makes its target', async (t) => {
  await using stack = await open(t, { l: { link: 'd/new' }, d: {} });
  await stack.union.writeFile('l', 'x');
  t.deepEqual(await readTree(stack.upper), { d: { new: 'x' } });
  t.is(await codeOf(stack.union.writeFile('l', 'x', { flag: 'wx' })), 'EEXIST');
});

test('a slash behind a name asks for a directory', async (t) => {
  await using stack = await open(t, { f: 'x', d: {} });
  const { union } = stack;
  t.is(await codeOf(union.stat('f/')), 'ENOTDIR');
  t.is(await codeOf(union.readFile('f/')), 'ENOTDIR');
  t.is(await codeOf(union.unlink('f/')), 'ENOTDIR');
  t.is(await codeOf(union.writeFile('new/', '')), 'EISDIR');
  t.true((await union.stat('d/')).isDirectory());
  t.is(await union.mkdir('e/'), undefined);
});

test('reserved names are refused with EPERM', async (t) => {
  await using stack = await open(t, { a: '' });
  const { union } = stack;
  t.is(await codeOf(union.writeFile('.wh.a', '')), 'EPERM');
  t.is(await codeOf(union.mkdir('.wh..wh..opq')), 'EPERM');
  t.is(await codeOf(union.rename('a', '.wh.b')), 'EPERM');
  t.is(await codeOf(union.symlink('x', '.wh.c')), 'EPERM');
});

test('attributes are those of fs.Stats', async (t) => {
  await using stack = await open(t, { a: 'four' });
  const { union, lower } = stack;
  const path = join(lower, 'a');
  await fs.utimes(path, 1.0006, 1.0006); // rounds to another millisecond than it truncates to
  const [ours, theirs] = [await union.stat('a'), await fs.stat(path)];
  for (const key of [
    'mode',
    'uid',
    'gid',
    'nlink',
    'size',
    'blocks',
    'blksize',
    'mtimeMs',
    'ctimeMs',
    'birthtimeMs',
  ] as const) {
    t.is(ours[key], theirs[key], key);
  }
  t.deepEqual(ours.mtime, theirs.mtime);
  t.true(ours.isFile() && !ours.isDirectory() && !ours.isSymbolicLink());
  t.is((await union.stat('a', { bigint: true })).mtimeNs, (await fs.stat(path, { bigint: true })).mtimeNs);
});

test('the inode number stays when a file is copied up', async (t) => {
  await using stack = await open(t, { a: 'x' });
  const { union } = stack;
  const { ino } = await union.stat('a');
  await union.appendFile('a', 'y');
  t.is((await union.stat('a')).ino, ino);
});

test('changing attributes', async (t) => {
  await using stack = await open(t, { a: 'content', l: { link: 'a' } });
  const { union } = stack;
  await union.chmod('l', 0o640);
  await union.utimes('a', 12.5, new Date(34_000));
  await union.lutimes('l', 1n, 2n);
  await union.truncate('a', 4);
  await union.utimes('a', 12.5, 34);
  const stats = await union.stat('a', { bigint: true });
  t.is(stats.mode & 0o777n, 0o640n);
  t.is(stats.atimeNs, 12_500_000_000n);
  t.is(stats.mtimeNs, 34_000_000_000n);
  t.is((await union.lstat('l', { bigint: true })).mtimeNs, 2n);
  t.is(await union.readFile('a', 'utf8'), 'cont');
});

test('extended attributes', async (t) => {
  await using stack = await open(t, { a: 'x' });
  const { union } = stack;
  if ((await codeOf(union.setxattr('a', 'user.k', 'v'))) === 'EOPNOTSUPP') return t.pass('none here');
  t.deepEqual(await union.getxattr('a', 'user.k'), Buffer.from('v'));
  t.deepEqual(await union.listxattr('a'), ['user.k']);
  await union.removexattr('a', 'user.k');
  t.is(await codeOf(union.getxattr('a', 'user.k')), 'ENODATA');
});

test('an open handle follows its file when it is copied up', async (t) => {
  await using stack = await open(t, { a: 'old' });
  const { union } = stack;
  await using reader = await union.open('a', 'r');
  await using writer = await union.open('a', 'r+');
  await writer.write('NEW');
  t.is(await reader.readFile('utf8'), 'NEW');
});

test('reading and writing at positions', async (t) => {
  await using stack = await open(t);
  const { union } = stack;
  await using file = await union.open('f', 'w+');
  await file.write('0123456789');
  await file.write(Buffer.from('xAB'), 1, 2, 3);
  const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 2);
  t.is(bytesRead, 4);
  t.is(buffer.toString(), '2AB5');
  await file.truncate(5);
  t.is((await file.stat()).size, 5);
  t.is(await codeOf(file.read(Buffer.alloc(1), 2)), 'RangeError');
  await file.sync();
  await file.close();
  t.is(await codeOf(file.stat()), 'EBADF');
  await file.close();
});

test('an appending handle always appends', async (t) => {
  await using stack = await open(t, { a: 'x' });
  await using file = await stack.union.open('a', 'a');
  await file.write('1');
  await file.write('2', 0, 1, 0);
  t.is(await stack.union.readFile('a', 'utf8'), 'x12');
});

test('streams, in both directions', async (t) => {
  await using stack = await open(t);
  const { union } = stack;
  const big = Buffer.alloc(3_000_000, 'abcdefg');
  await using file = await union.open('big', 'w+');
  const out = file.createWriteStream();
  await new Promise<void>((done, fail) => out.on('error', fail).end(big, () => done()));
  const parts: Buffer[] = [];
  for await (const part of file.createReadStream({ start: 0 })) parts.push(part as Buffer);
  t.true(Buffer.concat(parts).equals(big));
  t.true((await union.readFile('big')).equals(big));
});

test('writeFile takes pieces, and stops when it is told to', async (t) => {
  await using stack = await open(t);
  const { union } = stack;
  await union.writeFile('a', ['one ', Buffer.from('two')]);
  t.is(await union.readFile('a', 'utf8'), 'one two');
  const abort = new AbortController();
  const reason = new Error('enough');
  async function* endless(): AsyncGenerator<string> {
    for (let i = 0; ; i++) {
      if (i === 3) abort.abort(reason);
      yield 'x';
    }
  }
  t.is(
    await union.writeFile('b', endless(), { signal: abort.signal }).catch((error: unknown) => error),
    reason,
  );
});

test('names that are not UTF-8 survive as bytes', async (t) => {
  await using stack = await open(t);
  const { union, upper } = stack;
  const name = Buffer.from([0x66, 0xff, 0x6f]);
  await union.writeFile(name, 'x');
  t.deepEqual(await union.readdir('/', { encoding: 'buffer' }), [name]);
  t.deepEqual(await union.realpath(name, { encoding: 'buffer' }), Buffer.concat([Buffer.from('/'), name]));
  await union.mkdir(Buffer.concat([name, Buffer.from('d/sub')]), { recursive: true });
  t.deepEqual(
    (await fs.readdir(upper, { encoding: 'buffer' }))
      .filter((n) => !n.toString().startsWith('.wh.'))
      .sort(Buffer.compare),
    [name, Buffer.concat([name, Buffer.from('d')])],
  );
  await union.rm(name);
});

test('mkdir -p says what it made', async (t) => {
  await using stack = await open(t, { d: {} });
  const { union } = stack;
  t.is(await union.mkdir('d/a/b', { recursive: true }), 'd/a');
  t.is(await union.mkdir('d/a/b', { recursive: true }), undefined);
  t.is(await union.mkdir(new TextEncoder().encode('d/x'), { recursive: true }), 'd/x');
  t.regex(await union.mkdtemp('d/tmp-'), /^d\/tmp-.{6}$/);
});

test('readdir with types, and recursively, as node:fs does it', async (t) => {
  const lower: Tree = { d: { sub: { f: '' }, l: { link: 'sub' } } };
  await using stack = await open(t, lower);
  const { union } = stack;
  const names = (await union.readdir('d', { recursive: true })).sort();
  t.deepEqual(names, ['l', 'sub', 'sub/f']);
  const entries = await union.readdir('d', { recursive: true, withFileTypes: true });
  const told = entries.map(
    (e) => `${e.parentPath} ${e.name} ${e.isFile()} ${e.isDirectory()} ${e.isSymbolicLink()}`,
  );
  t.deepEqual(told.sort(), ['d l false false true', 'd sub false true false', 'd/sub f true false false']);
  const seen: string[] = [];
  for await (const entry of await union.opendir('d')) seen.push(entry.name);
  t.deepEqual(seen.sort(), ['l', 'sub']);
});

test('cp and copyFile', async (t) => {
  await using stack = await open(t, { d: { f: 'x', sub: { g: 'y' }, l: { link: 'f' } } });
  const { union, upper } = stack;
  t.is(await codeOf(union.cp('d', 'e')), 'EISDIR');
  await union.cp('d', 'e', { recursive: true });
  await union.copyFile('e/f', 'h');
  t.is(await codeOf(union.copyFile('e/f', 'h', constants.COPYFILE_EXCL)), 'EEXIST');
  t.deepEqual(await readTree(upper), { e: { f: 'x', l: { link: 'f' }, sub: { g: 'y' } }, h: 'x' });
});

test('copy_up of many paths: what each cost, in their order; the first failure ends it and says where', async (t) => {
  const names = Array.from({ length: 500 }, (_, i) => `f${i}`);
  const tree = Object.fromEntries(names.map((name, i) => [name, 'x'.repeat(i + 1)]));
  await using stack = await open(t, tree);
  const { union } = stack;
  const some = names.slice(0, 300);
  const done = await union.copyUp(some);
  t.deepEqual(
    done.map(({ path, bytes }) => [path, bytes]),
    some.map((name, i) => [name, i + 1]),
  );
  t.deepEqual(await union.copyUp([]), []);
  const rest = names.slice(300);
  rest[0] = 'missing';
  const error = await t.throwsAsync(union.copyUp(rest));
  t.is((error as NodeJS.ErrnoException).code, 'ENOENT');
  t.is((error as NodeJS.ErrnoException).path, 'missing');
  // What others had begun with is whole, and nothing goes on behind.
  const before = union.takeCopyUps().length;
  await sleep(50);
  t.is(union.takeCopyUps().length, 0, `after ${before}`);
  await union.copyUp(names);
  for (const [i, name] of names.entries()) t.is((await union.readFile(name)).length, i + 1);
});

test('copyUp of many paths follows symlinks, whatever path was before', async (t) => {
  await using dir = await scratch({
    upper: {},
    lower: { d: { a: 'a', b: 'b' }, e: { a: 'other a', b: 'other b', c: 'c' } },
  });
  const [upper, lower] = [join(dir.path, 'upper'), join(dir.path, 'lower')];
  await fs.symlink('../e/b', join(lower, 'd', 'b-of-e'));
  await fs.symlink('e', join(lower, 'f'));
  await using union = await Union.open({ branches: [upper, lower] });
  const paths = ['d/a', 'd/b-of-e', 'd/b', 'f/a', 'd/../f/c', '/d/./b'];
  const done = await union.copyUp(paths);
  t.deepEqual(
    done.map(({ path, method }) => [path, method === 'none']),
    [
      ['d/a', false],
      ['e/b', false],
      ['d/b', false],
      ['e/a', false],
      ['e/c', false],
      ['d/b', true],
    ],
  );
  for (const path of ['missing', 'd/missing', 'd/a/x', 'gone/a', 'd/..', 'd/a/'])
    t.is(await codeOf(union.copyUp(['d/b', path, 'd/b'])), await codeOf(union.copyUp(path)), path);
});

test('which branch, and copy_up on demand', async (t) => {
  await using stack = await open(t, { d: { a: 'x'.repeat(100_000) } });
  const { union } = stack;
  t.is(await union.which('d/a'), 1);
  const done = await union.copyUp('d/a');
  t.is(done.path, 'd/a');
  t.is(done.bytes, 100_000);
  t.true(done.nanoseconds > 0);
  t.is(await union.which('d/a'), 0);
  t.is((await union.copyUp(['d/a']))[0]?.method, 'none');
  t.deepEqual(
    union.takeCopyUps().map(({ path }) => path),
    ['d', 'd/a'],
  );
  t.deepEqual(union.takeCopyUps(), []);
});

test('hard links stay one file', async (t) => {
  await using dir = await scratch({ upper: {}, lower: { a: 'x' } });
  const [upper, lower] = [join(dir.path, 'upper'), join(dir.path, 'lower')];
  await fs.link(join(lower, 'a'), join(lower, 'b'));
  await using union = await Union.open({ branches: [upper, lower] });
  await union.writeFile('a', 'new');
  t.is(await union.readFile('b', 'utf8'), 'new');
  t.is((await union.stat('b')).nlink, 2);
  await union.flushHardLinks();
  t.deepEqual(await readTree(upper), { a: 'new', b: 'new' });
});

test('changes() tells all names of a hard link, without being asked to flush', async (t) => {
  await using dir = await scratch({ upper: {}, lower: { a: 'x' } });
  const [upper, lower] = [join(dir.path, 'upper'), join(dir.path, 'lower')];
  await fs.link(join(lower, 'a'), join(lower, 'b'));
  await using union = await Union.open({ branches: [upper, lower] });
  await union.writeFile('a', 'new');
  t.deepEqual(await changesOf(union), ['C /a', 'C /b']);
});

test('fifos and other special files', async (t) => {
  await using stack = await open(t);
  await stack.union.mknod('p', constants.S_IFIFO | 0o600);
  t.true((await stack.union.stat('p')).isFIFO());
});

test('a union without writable branch refuses to write', async (t) => {
  await using dir = await scratch({ a: { f: 'x' } });
  const path = join(dir.path, 'a');
  await using union = await Union.open({ branches: [path], readOnly: true });
  await using second = await Union.open({ branches: [{ path, mode: 'ro' }] });
  for (const one of [union, second]) {
    t.is(await one.readFile('f', 'utf8'), 'x');
    t.is(await codeOf(one.writeFile('f', 'y')), 'EROFS');
    t.is(await codeOf(one.mkdir('d')), 'EROFS');
    t.is(await codeOf(one.unlink('f')), 'EROFS');
    t.is(await codeOf(one.access('f', constants.W_OK)), 'EROFS');
  }
  t.deepEqual(await readTree(path, { housekeeping: true }), { f: 'x' });
});

test('stacks that are refused, and why', async (t) => {
  await using dir = await scratch({ a: { sub: {}, file: '' }, b: {} });
  const [a, b] = [join(dir.path, 'a'), join(dir.path, 'b')];
  const refused = (branches: string[]): Promise<unknown> => codeOf(Union.open({ branches }));
  t.is(await refused([a, join(dir.path, 'nope')]), 'ERR_BRANCH_NOT_FOUND');
  t.is(await refused([b, join(a, 'file')]), 'ERR_BRANCH_NOT_FOUND');
  t.is(await refused([a, join(a, 'sub')]), 'ERR_BRANCH_OVERLAP');
  t.is(await refused([a, a]), 'ERR_BRANCH_OVERLAP');
  await using first = await Union.open({ branches: [a, b] });
  t.is(await refused([a, b]), 'ERR_BRANCH_BUSY');
  await first.close();
  await using again = await Union.open({ branches: [a, b] });
  t.deepEqual(await again.readdir('sub'), []);
});

test('wrong calls throw TypeError or RangeError', async (t) => {
  await using stack = await open(t, { a: '' });
  const { union } = stack;
  const wrong: (() => Promise<unknown>)[] = [
    async () => Union.open(undefined as never),
    async () => Union.open({ branches: [] }),
    async () => Union.open({ branches: [42 as never] }),
    async () => Union.open({ branches: [{ path: 'x', mode: 'rwx' as never }] }),
    async () => Union.open({ branches: ['x'], dirren: 'yes' as never }),
    async () => union.stat(1 as never),
    async () => union.stat('a\0b'),
    async () => union.open('a', 'rw'),
    async () => union.chmod('a', 'rwx'),
    async () => union.writeFile('a', 1 as never),
    async () => union.utimes('a', Number.NaN, 0),
  ];
  for (const call of wrong) await t.throwsAsync(call, { instanceOf: TypeError }, String(call));
  await t.throwsAsync(async () => union.truncate('a', -1), { instanceOf: RangeError });
  await t.throwsAsync(async () => union.chmod('a', 1.5), { instanceOf: RangeError });
});

test('signals that are aborted already', async (t) => {
  await using dir = await scratch({ a: {} });
  const signal = AbortSignal.abort(new Error('no'));
  const branches = [join(dir.path, 'a')];
  await t.throwsAsync(Union.open({ branches, signal }), { message: 'no' });
  await using union = await Union.open({ branches });
  await t.throwsAsync(union.readFile('x', { signal }), { message: 'no' });
  await t.throwsAsync(union.rm('x', { recursive: true, signal }), { message: 'no' });
});

test('closing: again is harmless, later calls say so, open handles end', async (t) => {
  await using dir = await scratch({ a: { f: 'x' } });
  const union = await Union.open({ branches: [join(dir.path, 'a')] });
  const file = await union.open('f');
  const running = Promise.all(Array.from({ length: 50 }, () => union.readFile('f')));
  await Promise.all([running, union.close()]);
  await union.close();
  t.is(await codeOf(union.stat('/')), 'ERR_UNION_CLOSED');
  t.is(await codeOf(file.readFile()), 'ERR_UNION_CLOSED');
  await t.notThrowsAsync(file.close());
});

test('empty path', async (t) => {
  await using stack = await open(t);
  t.is(await codeOf(stack.union.stat('')), 'ENOENT');
  t.is(await codeOf(stack.union.rmdir('/')), 'EBUSY');
  t.is(await codeOf(stack.union.unlink('/')), 'EISDIR');
  t.is(await codeOf(stack.union.stat(`/${'x/'.repeat(3000)}`)), 'ENAMETOOLONG');
});
