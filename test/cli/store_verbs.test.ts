// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { id, temporaryDirectory, write } from '../store/store_helper.ts';
import { nodeAufs, type Outcome } from './cli_helper.ts';

test('create, ls, changes, commit, info, rm: data on stdout, nothing on stderr', async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  const source = await temporaryDirectory(t);
  await write(source, { 'etc/hosts': '12345' });
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await nodeAufs(['--root', root, ...args]);
    t.is(stderr, '');
    t.is(code, 0, args.join(' '));
    return stdout;
  };
  const base = (await run('create', '--from', source, '--label', 'name=base')).trim();
  t.regex(base, /^[0-9a-f]{64}$/);
  const top = (await run('create', '--parent', base.slice(0, 10), '--id', id('f'))).trim();
  t.is(top, id('f'));
  await write(join(root, 'diff', top), { 'etc/.wh.hosts': '', 'new\nline': '' });

  t.is(await run('changes', top), 'C /etc\nD /etc/hosts\nA /new\\012line\n');
  const { layers } = JSON.parse(await run('ls', '--json', '--size'));
  t.is(layers.length, 2);
  t.like(
    layers.find((layer: { id: string }) => layer.id === base),
    { parent: null, readOnly: true, mounted: false, labels: { name: 'base' }, size: 5, problem: null },
  );
  t.regex(
    await run('ls'),
    new RegExp(`^LAYER +PARENT +DEPTH +STATE +CREATED\n(?:.*\n)*f{12} +${base.slice(0, 12)} +2 +rw +`),
  );
  t.deepEqual((await run('ls', '-q')).trim().split('\n').sort(), [base, top].sort());
  t.regex(
    await run('info'),
    /^Storage Driver: aufs\n Root Dir: .*\n Backing Filesystem: \w+\n Dirs: 2\n Dirperm1 Supported: true\n/,
  );
  const committed = JSON.parse(await run('commit', 'ffff', '--json'));
  t.like(committed, { parent: base, readOnly: true });
  t.is(await run('rm', committed.id, top, base), `${committed.id}\n${top}\n${base}\n`);
  t.deepEqual(await readdir(join(root, 'diff')), []);
});

interface Refusal {
  readonly title: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  { title: 'no command', args: [], code: 64, says: /Usage: node-aufs/ },
  { title: 'an unknown command', args: ['frobnicate'], code: 64, says: /unknown command/ },
  { title: 'an unknown option', args: ['ls', '--nope'], code: 64, says: /unknown option/ },
  { title: 'a missing argument', args: ['changes'], code: 64, says: /missing required argument/ },
  { title: 'an id that is none', args: ['changes', '../x'], code: 64, says: /ERR_LAYER_ID.*64 hexadecimal/ },
  { title: 'an unknown layer', args: ['changes', 'ee'], code: 66, says: /ERR_LAYER_NOT_FOUND.*node-aufs ls/ },
  { title: 'an unknown parent', args: ['create', '--parent', 'ee'], code: 66, says: /ERR_PARENT_NOT_FOUND/ },
  { title: 'an id that is taken', args: ['create', '--id', id('a')], code: 75, says: /ERR_LAYER_EXISTS/ },
  { title: 'a parent id that is none', args: ['create', '--parent', '../x'], code: 64, says: /ERR_LAYER_ID/ },
  { title: 'a label that is none', args: ['create', '--label', 'x'], code: 64, says: /ERR_USAGE.*key=value/ },
  { title: 'removal of a parent', args: ['rm', id('a')], code: 75, says: /ERR_LAYER_HAS_CHILDREN.*b{64}/ },
  { title: 'a damaged record', args: ['changes', id('c')], code: 65, says: /ERR_CORRUPT_LAYER/ },
  { title: 'a source that is missing', args: ['create', '--from', '/nope'], code: 66, says: /ENOENT/ },
  { title: 'a layer that is not mounted', args: ['umount', id('a')], code: 69, says: /ERR_NOT_MOUNTED/ },
  { title: 'a target that is not mounted', args: ['umount', '/nope'], code: 69, says: /ERR_NOT_MOUNTED/ },
  {
    title: 'an option that means nothing for a layer',
    args: ['mount', '-o', 'x', 'aa'],
    code: 64,
    says: /-o x/,
  },
  { title: 'two words without branches', args: ['mount', 'aa', '/mnt'], code: 64, says: /ERR_USAGE/ },
  { title: 'a path in no mount', args: ['which', '/etc/passwd'], code: 69, says: /ERR_NOT_MOUNTED.*--layer/ },
];

test('what is refused, with what status, and that nothing changes', async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  for (const args of [
    ['--id', id('a')],
    ['--id', id('b'), '--parent', id('a')],
    ['--id', id('c')],
  ]) {
    t.is((await nodeAufs(['--root', root, 'create', ...args])).code, 0);
  }
  await writeFile(join(root, 'layers', id('c')), 'garbage\n');
  const results = await inBatches(REFUSALS, 6, ({ args }) => nodeAufs(['--root', root, ...args]));
  for (const [i, { title, code, says }] of REFUSALS.entries()) {
    const result = results[i] as Outcome;
    t.is(result.code, code, `${title}: ${result.stderr}`);
    t.regex(result.stderr, says, title);
    t.is(result.stdout, '', title);
  }
  for (const folder of ['diff', 'layers', 'mnt']) {
    t.deepEqual((await readdir(join(root, folder))).sort(), [id('a'), id('b'), id('c')]);
  }
});

test('a store that is not there is not made by looking', async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  const { code, stderr } = await nodeAufs(['--root', root, 'ls']);
  t.is(code, 66);
  t.regex(stderr, /ERR_STORE.*create/);
  t.false(existsSync(root));
});

test('with --json an error is one object on stderr', async (t) => {
  const root = join(await temporaryDirectory(t), 'aufs');
  await nodeAufs(['--root', root, 'create']);
  const { code, stderr } = await nodeAufs(['--root', root, '--json', 'changes', '../x']);
  t.is(code, 64);
  t.like(JSON.parse(stderr).error, { code: 'ERR_LAYER_ID', id: '../x' });
});

test('help and version', async (t) => {
  const help = await nodeAufs(['--help']);
  t.is(help.code, 0);
  for (const verb of [
    'create',
    'mount',
    'umount',
    'ls',
    'changes',
    'which',
    'commit',
    'rm',
    'info',
    'doctor',
  ]) {
    t.regex(help.stdout, new RegExp(`^  ${verb}\\b`, 'm'));
  }
  t.regex((await nodeAufs(['--version'])).stdout, /^\d+\.\d+\.\d+/);
});

test('doctor says what works and how to get what does not', async (t) => {
  const root = await temporaryDirectory(t);
  const { stdout, stderr } = await nodeAufs(['doctor', '--root', root]);
  t.is(stderr, '');
  t.regex(stdout, /Linux kernel/);
  t.regex(stdout, /\n(Mounting works here|Mounting does not work here|Nothing works here).*\n$/);
  const { checks } = JSON.parse((await nodeAufs(['--json', 'doctor', '--root', root])).stdout);
  for (const { name, verdict, found, cure } of checks) {
    t.truthy(found, name);
    if (verdict === 'no') t.truthy(cure, name);
  }
  t.deepEqual(await readdir(root), []);
});

async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += size) {
    results.push(...(await Promise.all(items.slice(i, i + size).map(work))));
  }
  return results;
}
