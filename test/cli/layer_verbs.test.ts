// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { describe } from '../../lib/cli/progress_line.ts';
import { sha256, tar } from '../store/archive_helper.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { NODE_AUFS, nodeAufs, type Outcome } from './cli_helper.ts';

/** Runs the command with bytes as its standard input. */
function withInput(args: readonly string[], input: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...NODE_AUFS, ...args],
      { timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), stdout, stderr }),
    );
    child.stdin?.on('error', () => {}).end(input);
  });
}

test('layer apply and layer diff: archives in and out', async (t) => {
  const directory = await temporaryDirectory(t);
  const root = ['--root', join(directory, 'aufs')];
  const archive = tar([
    { name: 'etc/', type: '5', mode: 0o755 },
    { name: 'etc/hosts', data: '12345' },
  ]);
  const file = join(directory, 'in.tar');
  await writeFile(file, archive);

  const applied = await nodeAufs([...root, 'layer', 'apply', file, '--diff-id', sha256(archive), '--json']);
  t.is(applied.stderr, '');
  t.is(applied.code, 0);
  const base = JSON.parse(applied.stdout);
  t.like(base, { diffId: sha256(archive), entries: 2, size: 5, exact: true, readOnly: true, parent: null });

  const top = await withInput(
    [...root, 'layer', 'apply', '-', '-p', base.id.slice(0, 12)],
    tar([{ name: '.wh.etc' }]),
  );
  t.is(top.stderr, '');
  t.regex(top.stdout, /^[0-9a-f]{64}\n$/);
  t.is((await nodeAufs([...root, 'changes', top.stdout.trim()])).stdout, 'D /etc\n');

  const out = join(directory, 'out.tar');
  const exact = await nodeAufs([...root, 'layer', 'diff', base.id, '--exact', '-o', out]);
  t.deepEqual(exact, { code: 0, stdout: `${sha256(archive)}\n`, stderr: '' });
  t.deepEqual(await readFile(out), archive);
  t.deepEqual(await nodeAufs([...root, 'layer', 'index', base.id]), { code: 0, stdout: '', stderr: '' });
  t.deepEqual(await readdir(join(directory, 'aufs/.node-aufs/indexes')), [base.id]);
  const piped = await nodeAufs([...root, 'layer', 'diff', base.id]);
  t.is(piped.code, 0);
  t.regex(piped.stdout, /^etc\/\0/);
  t.is(piped.stdout.length % 512, 0);
  const zipped = await nodeAufs([...root, 'layer', 'diff', base.id, '-z', '-o', out]);
  t.is(zipped.stdout, `${sha256(Buffer.from(piped.stdout))}\n`);
  t.deepEqual([...(await readFile(out)).subarray(0, 2)], [0x1f, 0x8b]);
});

interface Refusal {
  readonly title: string;
  readonly args: readonly string[];
  readonly input?: Buffer;
  readonly code: number;
  readonly says: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    title: 'no archive',
    args: ['apply', '-'],
    input: Buffer.from('x'.repeat(600)),
    code: 65,
    says: /ERR_ARCHIVE:.*no tar archive/,
  },
  {
    title: 'an unsafe archive',
    args: ['apply', '-'],
    input: tar([{ name: '../x' }]),
    code: 65,
    says: /ERR_ARCHIVE_UNSAFE/,
  },
  {
    title: 'too much',
    args: ['apply', '-', '--max-bytes', '1K'],
    input: tar([{ name: 'x', data: 'x'.repeat(2000) }]),
    code: 65,
    says: /ERR_ARCHIVE_LIMIT/,
  },
  {
    title: 'another digest',
    args: ['apply', '-', '--diff-id', sha256(Buffer.of())],
    input: tar([]),
    code: 65,
    says: /ERR_DIGEST/,
  },
  {
    title: 'a digest that is none',
    args: ['apply', '-', '--diff-id', 'md5:1'],
    code: 64,
    says: /not a digest/,
  },
  { title: 'a size that is none', args: ['apply', '-', '--max-bytes', 'much'], code: 64, says: /not a size/ },
  { title: 'a file that is not there', args: ['apply', '/nope.tar'], code: 66, says: /ENOENT/ },
  {
    title: 'a layer that is not there',
    args: ['diff', 'e'.repeat(64)],
    code: 66,
    says: /ERR_LAYER_NOT_FOUND/,
  },
  { title: 'no verb', args: [], code: 64, says: /Usage: node-aufs layer/ },
];

for (const { title, args, input, code, says } of REFUSALS) {
  test(`layer refuses ${title}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const root = join(directory, 'aufs');
    await nodeAufs(['--root', root, 'create']);
    const outcome = await withInput(['--root', root, 'layer', ...args], input ?? Buffer.of());
    t.regex(outcome.stderr, says);
    t.is(outcome.code, code);
    t.is(outcome.stdout, '');
    t.is((await readdir(join(root, 'diff'))).length, 1);
  });
}

test('a diff that fails leaves no half file', async (t) => {
  const directory = await temporaryDirectory(t);
  const root = ['--root', join(directory, 'aufs')];
  const made = (await nodeAufs([...root, 'create'])).stdout.trim();
  const out = join(directory, 'out.tar');
  const { code } = await nodeAufs([...root, 'layer', 'diff', made, '--exact', '-o', out]);
  t.is(code, 66);
  await t.throwsAsync(stat(out), { code: 'ENOENT' });
});

test('a progress line', (t) => {
  const progress = { bytes: 3 * 2 ** 20, entries: 12, sourceBytes: 50 };
  t.is(
    describe('apply', progress, 100, 2),
    'apply  [##########----------] 50 %  3.0 MiB  12 entries  1.5 MiB/s',
  );
  t.is(describe('diff', { ...progress, entries: 0 }, undefined, 0), 'diff  3.0 MiB');
});
