// SPDX-License-Identifier: MIT
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openStore, type Store } from '../../lib/store/index.ts';
import { has, run } from '../helpers/stage.ts';
import { tar } from '../store/archive_helper.ts';
import { id, temporaryDirectory, write } from '../store/store_helper.ts';
import { NODE_AUFS, nodeAufs, type Outcome } from './cli_helper.ts';

interface Place {
  readonly store: Store;
  readonly aufs: (...args: string[]) => Promise<Outcome>;
}

async function place(t: ExecutionContext): Promise<Place> {
  const store = await openStore(join(await temporaryDirectory(t), 'aufs'));
  return { store, aufs: (...args) => nodeAufs(['--root', store.root, ...args]) };
}

test('check: 0 for a clean store, 65 for another; only --repair changes it', async (t) => {
  const { store, aufs } = await place(t);
  await (await store.createLayer()).remove();
  await store.createLayer({ id: id('a') });
  const clean = await aufs('check');
  t.is(clean.code, 0, clean.stderr);
  t.regex(clean.stdout, /^1 layers: /m, 'a lock file that stayed is no fault');
  await write(store.root, {
    [`.node-aufs/staging/${id('b')}/diff/half`]: '',
    [`diff/${id('c')}/precious`]: '',
  });

  const wrong = await aufs('check');
  t.is(wrong.code, 65);
  t.is(wrong.stderr, '');
  t.regex(wrong.stdout, new RegExp(`^half-made  .*/staging/${id('b')}\n.*\n    repair: `, 'm'));
  t.regex(wrong.stdout, new RegExp(`^diff-orphan  .*/diff/${id('c')}\n.*\n    by hand: `, 'm'));
  t.regex(wrong.stdout, /node-aufs check --repair\n$/);
  t.deepEqual(await readdir(join(store.root, '.node-aufs/staging')), [id('b')]);

  const repaired = JSON.parse((await aufs('check', '--repair', '--json')).stdout);
  t.false(repaired.clean);
  t.like(
    repaired.findings.find((finding: { kind: string }) => finding.kind === 'half-made'),
    { repairable: true, repaired: true, severity: 'error' },
  );
  t.deepEqual(await readdir(join(store.root, '.node-aufs/staging')), []);
  t.deepEqual((await readdir(join(store.root, 'diff'))).sort(), [id('a'), id('c')]);
  t.is((await aufs('check', '--repair')).code, 65, 'what is somebody else’s stays, and is told');
});

test('check of what is no store', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'x'));
  await writeFile(join(directory, 'x/y'), '');
  const { code, stderr } = await nodeAufs(['--root', join(directory, 'x'), 'check', '--repair']);
  t.is(code, 66);
  t.regex(stderr, /ERR_STORE/);
  t.deepEqual(await readdir(join(directory, 'x')), ['y']);
});

test('gc: -n prints what would go and how much, without it that goes', async (t) => {
  const { store, aufs } = await place(t);
  const source = await temporaryDirectory(t);
  await write(source, { file: 'x'.repeat(5000) });
  const cached = await store.createLayer({ from: source, labels: { cache: '' } });
  const kept = await store.createLayer({ from: source, labels: { cache: '' } });
  await write(store.root, { [`diff/${id('c')}-removing/x`]: '' });
  const dry = await aufs('gc', '-n', '--keep', kept.id.slice(0, 12));
  t.is(dry.code, 0, dry.stderr);
  t.regex(
    dry.stdout,
    new RegExp(`^${cached.id} +[\\d.]+ KiB\n.*c-removing .*\nwould remove 1 layers and 1 leftovers, `),
  );
  t.is((await readdir(join(store.root, 'diff'))).length, 3);
  const done = JSON.parse((await aufs('gc', '--json', '--keep', kept.id)).stdout);
  t.like(done, { dryRun: false, layers: [{ id: cached.id }], kept: [{ id: kept.id, why: 'asked' }] });
  t.deepEqual(await readdir(join(store.root, 'diff')), [kept.id]);
});

test('df: a line for each layer, and their sum', async (t) => {
  const { store, aufs } = await place(t);
  const source = await temporaryDirectory(t);
  await write(source, { file: 'x'.repeat(5000) });
  const layer = await store.createLayer({ from: source });
  const { code, stdout } = await aufs('df');
  t.is(code, 0);
  t.regex(
    stdout,
    new RegExp(
      `^LAYER .*\n${layer.id.slice(0, 12)} +[\\d.]+ KiB +4\\.9 KiB +1 +(n/a|0 B) +[\\d.]+ KiB +-\ntotal `,
    ),
  );
  const json = JSON.parse((await aufs('df', '--json')).stdout);
  t.like(json.layers[0], {
    id: layer.id,
    apparentBytes: 5000,
    entries: 1,
    reference: null,
  });
});

test('verify: 65 if a layer is damaged, with the first file', async (t) => {
  const { store, aufs } = await place(t);
  const { layer, diffId } = await store.apply([tar([{ name: 'etc/hosts', data: 'x' }])]);
  const whole = await aufs('verify');
  t.is(whole.code, 0);
  t.regex(whole.stdout, new RegExp(`^${layer.id.slice(0, 12)} +whole +${diffId} `));
  await writeFile(join(layer.diffPath, 'etc/hosts'), 'y');
  const damaged = await aufs('verify', layer.id.slice(0, 8));
  t.is(damaged.code, 65);
  t.is(damaged.stderr, '');
  t.regex(damaged.stdout, /damaged +etc\/hosts: /);
  t.like(JSON.parse((await aufs('verify', '--json')).stdout), {
    sound: false,
    layers: [{ entry: 'etc/hosts' }],
  });
});

test('tree draws, inspect tells; both take names', async (t) => {
  const { store, aufs } = await place(t);
  await store.createLayer({ id: id('a'), readOnly: true, labels: { name: 'base', cache: 'x\ny' } });
  await store.createLayer({ id: id('b'), parent: id('a') });
  await store.createLayer({ id: id('c'), parent: id('b') });
  await store.createLayer({ id: id('d'), parent: id('a') });
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(12));
  t.is(
    (await aufs('tree', '--size')).stdout,
    `${a}  base  ro  0 B  cache=x\\012y\n├─ ${b}  rw  0 B\n│  └─ ${c}  rw  0 B\n└─ ${d}  rw  0 B\n`,
  );
  t.like(JSON.parse((await aufs('tree', '--json')).stdout).layers[0], { id: id('a'), size: null });
  const told = await aufs('inspect', 'base');
  t.is(told.code, 0, told.stderr);
  t.regex(told.stdout, new RegExp(`^id +${id('a')}\nname +base\nstate +read-only\nheld by +children\n`));
  t.regex(told.stdout, new RegExp(`^children +${id('b')}\n +${id('d')}\n`, 'm'));
  t.like(JSON.parse((await aufs('inspect', 'cc', '--json')).stdout), {
    id: id('c'),
    parents: [id('b'), id('a')],
  });
  t.is((await aufs('inspect', 'nobody')).code, 64);
  t.is((await aufs('inspect', 'ee')).code, 66);
});

const onTerminal = has('script') ? test : test.skip;
onTerminal(`verify tells on a terminal how far it is${has('script') ? '' : ' (needs script)'}`, async (t) => {
  const { store } = await place(t);
  const { layer } = await store.apply([tar([{ name: 'a', data: Buffer.alloc(3_000_000) }])]);
  const command = [process.execPath, ...NODE_AUFS, '--root', store.root, 'verify']
    .map((word) => `'${word}'`)
    .join(' ');
  const { stdout } = await run('script', ['-qec', command, '/dev/null']);
  t.true(stdout.includes(`\r\x1b[Kverify 1/1 ${layer.id.slice(0, 12)}  `));
  t.regex(stdout, /\[K[0-9a-f]{12} +whole +sha256:/, 'and takes the line away');
});
