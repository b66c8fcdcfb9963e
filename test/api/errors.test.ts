// SPDX-License-Identifier: MIT
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { AufsError, hasCode, native, SystemError } from '../../lib/errors.ts';
import { Union } from '../../lib/union.ts';
import { scratch, type Tree } from '../helpers/tree.ts';

type Api = Pick<
  Union,
  | 'access'
  | 'stat'
  | 'lstat'
  | 'readdir'
  | 'readlink'
  | 'readFile'
  | 'writeFile'
  | 'mkdir'
  | 'rmdir'
  | 'unlink'
  | 'rename'
  | 'link'
  | 'symlink'
  | 'chmod'
  | 'chown'
  | 'utimes'
  | 'realpath'
>;

const LOWER: Tree = { dir: { file: '' }, file: 'x', dangling: { link: 'nowhere' }, loop: { link: 'loop' } };

/** What fails, told once and done to node:fs and to a union: `p` makes a path in either. */
const CALLS: Readonly<Record<string, (api: Api, p: (path: string) => string) => Promise<unknown>>> = {
  'stat of a missing file': (api, p) => api.stat(p('nope')),
  'stat below a file': (api, p) => api.stat(p('file/x')),
  'stat through a loop': (api, p) => api.stat(p('loop')),
  'stat of a dangling symlink': (api, p) => api.stat(p('dangling')),
  'lstat of a missing file': (api, p) => api.lstat(p('nope')),
  'access to a missing file': (api, p) => api.access(p('nope')),
  'readdir of a missing directory': (api, p) => api.readdir(p('nope')),
  'readdir of a file': (api, p) => api.readdir(p('file')),
  'readlink of a file': (api, p) => api.readlink(p('file')),
  'realpath of a missing file': (api, p) => api.realpath(p('nope')),
  'readFile of a missing file': (api, p) => api.readFile(p('nope')),
  'writeFile to a directory': (api, p) => api.writeFile(p('dir'), ''),
  'writeFile in a missing directory': (api, p) => api.writeFile(p('nope/x'), ''),
  'writeFile wx of what exists': (api, p) => api.writeFile(p('file'), '', { flag: 'wx' }),
  'mkdir of what exists': (api, p) => api.mkdir(p('dir')),
  'mkdir in a missing directory': (api, p) => api.mkdir(p('nope/x')),
  'mkdir -p over a file': (api, p) => api.mkdir(p('file'), { recursive: true }),
  'rmdir of a file': (api, p) => api.rmdir(p('file')),
  'rmdir of a full directory': (api, p) => api.rmdir(p('dir')),
  'rmdir of nothing': (api, p) => api.rmdir(p('nope')),
  'unlink of nothing': (api, p) => api.unlink(p('nope')),
  'rename of nothing': (api, p) => api.rename(p('nope'), p('other')),
  'rename of a file over a directory': (api, p) => api.rename(p('file'), p('dir')),
  'rename of a directory over a file': (api, p) => api.rename(p('dir'), p('file')),
  'rename of a directory into itself': (api, p) => api.rename(p('dir'), p('dir/below')),
  'link of nothing': (api, p) => api.link(p('nope'), p('other')),
  'link to what exists': (api, p) => api.link(p('file'), p('dir')),
  'symlink over what exists': (api, p) => api.symlink('target', p('file')),
  'chmod of nothing': (api, p) => api.chmod(p('nope'), 0o600),
  'chown of nothing': (api, p) => api.chown(p('nope'), 0, 0),
  'utimes of nothing': (api, p) => api.utimes(p('nope'), 0, 0),
  'a name that is too long': (api, p) => api.stat(p('n'.repeat(300))),
};

async function failureOf(run: () => Promise<unknown>): Promise<NodeJS.ErrnoException> {
  try {
    await run();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('it did not fail');
}

for (const [title, call] of Object.entries(CALLS)) {
  test(`as node:fs says it: ${title}`, async (t) => {
    await using dir = await scratch({ upper: {}, lower: LOWER, plain: LOWER });
    await using union = await Union.open({ branches: [join(dir.path, 'upper'), join(dir.path, 'lower')] });
    const root = join(dir.path, 'plain');
    const expected = await failureOf(() => call(fs as unknown as Api, (path) => join(root, path)));
    const actual = await failureOf(() => call(union, (path) => `/${path}`));
    t.true(actual instanceof SystemError);
    t.is(actual.message, expected.message.replaceAll(`${root}/`, '/'));
    t.is(actual.code, expected.code);
    t.is(actual.errno, expected.errno);
    t.is(actual.syscall, expected.syscall);
    t.is(actual.path, expected.path?.replace(root, ''));
    t.is((actual as { dest?: string }).dest, (expected as { dest?: string }).dest?.replace(root, ''));
  });
}

test('the caller is on the stack', async (t) => {
  await using dir = await scratch({ upper: {} });
  await using union = await Union.open({ branches: [join(dir.path, 'upper')] });
  async function theCaller(): Promise<void> {
    await union.readFile('nope');
  }
  t.regex((await failureOf(theCaller)).stack ?? '', /theCaller/);
});

test('fields that do not apply are absent, not undefined', (t) => {
  const error = new SystemError({ errno: -9, syscall: 'read' });
  t.is(error.message, 'EBADF: bad file descriptor, read');
  t.deepEqual(Object.keys(error).sort(), ['code', 'errno', 'name', 'syscall']);
});

test('errno that libuv has no words for', (t) => {
  t.is(new SystemError({ errno: -122, syscall: 'write' }).message, 'EDQUOT: disk quota exceeded, write');
  t.is(new SystemError({ errno: -9999, syscall: 'x' }).code, 'E9999');
});

test('native() leaves errors of other kinds alone', async (t) => {
  const other = new TypeError('other');
  t.is(await native(Promise.reject(other)).catch((error: unknown) => error), other);
  const ours = new SystemError({ errno: -2, syscall: 'open' });
  t.is(await native(Promise.reject(ours)).catch((error: unknown) => error), ours);
});

test('native() can put other names on a failure', async (t) => {
  const raw = Object.assign(new Error('x'), { errno: -2, syscall: 'open', via: 'openat2', path: '/real' });
  const error = await failureOf(() => native(Promise.reject(raw), { path: '/shown' }));
  t.is(error.message, "ENOENT: no such file or directory, open '/shown'");
  t.is((error as { via?: string }).via, 'openat2');
});

test('an AufsError says what was tried and what to do', (t) => {
  const cause = new Error('below');
  const error = new AufsError('ERR_LAYER_NOT_FOUND', "no layer 'x'", { hint: 'list them', cause, id: 'x' });
  t.is(error.message, "ERR_LAYER_NOT_FOUND: no layer 'x'; list them");
  t.is(error.code, 'ERR_LAYER_NOT_FOUND');
  t.is(error.hint, 'list them');
  t.is(error.cause, cause);
  t.deepEqual({ ...error.details }, { id: 'x' });
  t.true(hasCode(error, 'ERR_LAYER_NOT_FOUND'));
});
