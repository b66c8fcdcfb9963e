// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { link, mkdir, readFile, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import test from 'ava';
import type { ArchiveProgress } from '../../lib/store/index.ts';
import { has, isRoot, run } from '../helpers/stage.ts';
import { collect, facts, fullTree, pieces, sha256, tar, type Without } from './archive_helper.ts';
import { id, temporaryDirectory, temporaryStore, write } from './store_helper.ts';

interface Writer {
  readonly title: string;
  readonly program: string;
  readonly args: (tree: string, file: string) => readonly string[];
  readonly plain?: boolean;
  readonly without: readonly Without[];
}

const python = (format: string) => (tree: string, file: string) => [
  '-c',
  `import tarfile; t = tarfile.open('${file}', 'w', format=tarfile.${format}_FORMAT); t.add('${tree}', '.'); t.close()`,
];
const gnu =
  (...options: string[]) =>
  (tree: string, file: string) => ['-C', tree, ...options, '-cf', file, '.'];
/** bsdtar converts names, and refuses what its locale does not know. */
const UTF8 = { ...process.env, LC_ALL: 'C.UTF-8' };
const SECONDS: readonly Without[] = ['xattrs', 'nanoseconds'];

const WRITERS: readonly Writer[] = [
  {
    title: 'GNU tar, posix',
    program: 'tar',
    args: gnu('--format=posix', '--xattrs', '--xattrs-include=*'),
    without: [],
  },
  {
    title: 'GNU tar, posix, sparse 1.0',
    program: 'tar',
    args: gnu('--format=posix', '-S'),
    without: ['xattrs'],
  },
  {
    title: 'GNU tar, posix, sparse 0.1',
    program: 'tar',
    args: gnu('--format=posix', '-S', '--sparse-version=0.1'),
    without: ['xattrs'],
  },
  {
    title: 'GNU tar, posix, sparse 0.0',
    program: 'tar',
    args: gnu('--format=posix', '-S', '--sparse-version=0.0'),
    without: ['xattrs'],
  },
  { title: 'GNU tar, gnu', program: 'tar', args: gnu('--format=gnu', '-S'), without: SECONDS },
  { title: 'GNU tar, oldgnu', program: 'tar', args: gnu('--format=oldgnu', '-S'), without: SECONDS },
  { title: 'GNU tar, ustar', program: 'tar', args: gnu('--format=ustar'), plain: true, without: SECONDS },
  { title: 'bsdtar, pax', program: 'bsdtar', args: gnu('--format=pax', '--xattrs'), without: [] },
  { title: 'bsdtar, gnutar', program: 'bsdtar', args: gnu('--format=gnutar'), without: SECONDS },
  { title: 'bsdtar, ustar', program: 'bsdtar', args: gnu('--format=ustar'), plain: true, without: SECONDS },
  { title: 'python tarfile, PAX', program: 'python3', args: python('PAX'), without: SECONDS },
  { title: 'python tarfile, GNU', program: 'python3', args: python('GNU'), without: SECONDS },
  {
    title: 'python tarfile, USTAR',
    program: 'python3',
    args: python('USTAR'),
    plain: true,
    without: SECONDS,
  },
];

for (const { title, program, args, plain, without } of WRITERS) {
  const declare = has(program) ? test : test.skip;
  declare(`applied as ${title} wrote it`, async (t) => {
    const tree = await fullTree(t, plain ? 'plain' : 'full');
    const file = join(await temporaryDirectory(t), 'archive.tar');
    const { status, stderr } = spawnSync(program, args(tree, file), { encoding: 'utf8', env: UTF8 });
    t.is(status, 0, stderr);
    const store = await temporaryStore(t);
    const { layer, diffId, size } = await store.apply(createReadStream(file));
    t.is(size, await layer.diffSize());
    t.deepEqual(await facts(layer.diffPath, ...without), await facts(tree, ...without));
    t.is(diffId, sha256(await readFile(file)));
  });
}

test('what is written is read by others, and comes back the same', async (t) => {
  const tree = await fullTree(t);
  const store = await temporaryStore(t);
  const layer = await store.createLayer({ from: tree });
  t.deepEqual(await facts(layer.diffPath), await facts(tree));
  for (const sparse of [false, true]) {
    const archive = await collect(layer.archive({ sparse }));
    t.deepEqual(await collect(layer.archive({ sparse })), archive, 'twice the same bytes');
    const again = (await store.apply(pieces(archive, 1000))).layer;
    t.deepEqual(await facts(again.diffPath), await facts(tree));
    t.deepEqual(await collect(again.archive({ sparse })), archive, 'the same bytes from the copy');
    const file = join(await temporaryDirectory(t), 'archive.tar');
    await writeFile(file, archive);
    for (const [program, options, without] of [
      ['tar', ['--xattrs', '--xattrs-include=*'], []],
      // It leaves '%3D' in a key as it is, though it writes '=' so itself.
      ['bsdtar', [], ['xattrs']],
    ] as const) {
      if (!has(program)) continue;
      const out = await temporaryDirectory(t);
      const owner = isRoot ? ['--same-owner'] : [];
      const { status, stderr } = spawnSync(program, ['-C', out, ...options, ...owner, '-xpf', file], {
        encoding: 'utf8',
        env: UTF8,
      });
      t.is(status, 0, stderr);
      t.deepEqual(await facts(out, ...without), await facts(tree, ...without), program);
    }
    const list = await run('python3', [
      '-c',
      `import tarfile; print(len(tarfile.open('${file}').getnames()))`,
    ]);
    t.is(Number(list.stdout), (await facts(tree)).length - 1);
  }
});

test('docker: whole seconds, no attributes but file capabilities, the type in the mode', async (t) => {
  const tree = await fullTree(t);
  const store = await temporaryStore(t);
  const layer = await store.createLayer({ from: tree });
  const archive = await collect(layer.archive({ format: 'docker' }));
  const again = (await store.apply(pieces(archive, 4096), { format: 'docker' })).layer;
  t.deepEqual(
    await facts(again.diffPath, 'xattrs', 'nanoseconds'),
    await facts(tree, 'xattrs', 'nanoseconds'),
  );
  let at = archive.indexOf('big\0');
  while (at % 512 !== 0) at = archive.indexOf('big\0', at + 1);
  t.is(archive.toString('latin1', at + 100, at + 108), '0100644\0');
  const lines = (await facts(again.diffPath)).filter((line) => line !== '').map((line) => JSON.parse(line));
  t.true(lines.every(({ mtime }) => mtime % 1e9 === 0));
  const attributes = lines.flatMap(({ xattrs }) => Object.keys(xattrs));
  t.deepEqual(attributes, isRoot ? ['security.capability'] : []);
});

test('SOURCE_DATE_EPOCH and latestTime clamp modification times', async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await write(layer.diffPath, { old: '1', new: '2' });
  await utimes(join(layer.diffPath, 'old'), 100, 100);
  const archive = await collect(layer.archive({ latestTime: 1000 }));
  const seconds = (name: string) =>
    Number.parseInt(archive.toString('latin1', archive.indexOf(`${name}\0`) + 136).slice(0, 11), 8);
  t.is(seconds('old'), 100);
  t.is(seconds('new'), 1000);
  t.throws(() => layer.archive({ latestTime: 1.5 }), { instanceOf: RangeError });
});

test('compressed with gzip, told by the first bytes', async (t) => {
  const plain = tar([{ name: 'a', data: 'x'.repeat(100_000) }]);
  const store = await temporaryStore(t);
  const source = pieces(zlib.gzipSync(plain), 7);
  t.is((await store.apply(source)).diffId, sha256(plain));
});

test('members of a gzip archive one after the other', async (t) => {
  const plain = tar([{ name: 'a', data: 'x'.repeat(5000) }]);
  const parts = [zlib.gzipSync(plain.subarray(0, 700)), zlib.gzipSync(plain.subarray(700))];
  const store = await temporaryStore(t);
  t.is((await store.apply(parts)).diffId, sha256(plain));
});

test('facts of what was applied, kept with the layer', async (t) => {
  const store = await temporaryStore(t);
  const base = (await store.apply([tar([{ name: 'a', data: '123' }])])).layer;
  const archive = tar([
    { name: '.wh.a' },
    { name: 'b', data: '12345' },
    { name: 'c', type: '1', link: 'b' },
    { name: '.wh..wh.plnk/', type: '5' },
  ]);
  const applied = await store.apply([archive], { parent: base, id: id('c'), labels: { name: 'x' } });
  const { layer, ...rest } = applied;
  t.deepEqual(rest, {
    diffId: sha256(archive),
    size: 5,
    entries: 4,
    bytes: archive.length,
    exact: true,
    leftOut: { housekeeping: 1, devices: 0, attributes: 0 },
    reused: false,
  });
  t.true(layer.readOnly);
  t.deepEqual(layer.labels, { name: 'x' });
  const found = await store.layer(id('c'));
  t.is(found.diffId, sha256(archive));
  t.is(found.parent, base.id);
  t.deepEqual(
    (await found.changes()).map(({ kind, path }) => `${kind} ${path}`),
    ['D /a', 'A /b', 'A /c'],
  );
  await found.remove();
  await t.throwsAsync(stat(join(store.root, '.node-aufs/layers', `${id('c')}.tar-split.json.gz`)), {
    code: 'ENOENT',
  });
});

test('the size of a layer counts what took the place of something only', async (t) => {
  const store = await temporaryStore(t);
  const { layer, size } = await store.apply([
    tar([
      { name: 'a', data: '123' },
      { name: 'a', data: '12345' },
      { name: 'l', type: '2', link: 'target' },
      { name: '.wh..wh.plnk/1.2', data: '1234567' },
      { name: 'h', type: '1', link: '.wh..wh.plnk/1.2' },
    ]),
  ]);
  t.is(size, 5 + 'target'.length + 7);
  t.is(size, await layer.diffSize());
});

test('20,000 files, with progress, and back again', async (t) => {
  const members = Array.from({ length: 20_000 }, (_, i) => ({ name: `d${i % 100}/f${i}`, data: `${i}` }));
  const store = await temporaryStore(t);
  const progress: ArchiveProgress[] = [];
  const archive = tar(members);
  const { layer, entries } = await store.apply(pieces(archive, 65536), {
    onProgress: (p) => progress.push(p),
  });
  t.is(entries, 20_000);
  t.true(progress.length > 8);
  t.deepEqual(progress.at(-1), { bytes: archive.length, entries: 20_000, sourceBytes: archive.length });
  const bytes = progress.map((p) => p.bytes);
  t.deepEqual(
    bytes,
    [...bytes].sort((a, b) => a - b),
  );
  let last: ArchiveProgress | undefined;
  const made = await collect(layer.archive({ onProgress: (p) => (last = p) }));
  t.deepEqual(last, { bytes: made.length, entries: 20_100, sourceBytes: made.length });
});

test('a source is read only as fast as files are made', async (t) => {
  const store = await temporaryStore(t);
  let taken = 0;
  async function* source() {
    const whole = tar([{ name: 'big', data: Buffer.alloc(20 * 2 ** 20) }]);
    for await (const piece of pieces(whole, 65536)) {
      taken += piece.length;
      yield piece;
    }
  }
  await store.apply(source(), {
    onProgress: ({ bytes }) => t.true(taken - bytes <= 10 * 1024 * 1024, `${taken - bytes} bytes ahead`),
  });
});

test('chunks may be used again by whoever makes them', async (t) => {
  const whole = tar([{ name: 'a', data: Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251)) }]);
  async function* source() {
    const memory = Buffer.alloc(10_000);
    for (let at = 0; at < whole.length; at += memory.length) {
      const size = whole.copy(memory, 0, at);
      yield memory.subarray(0, size);
    }
  }
  const store = await temporaryStore(t);
  const { layer, diffId } = await store.apply(source());
  t.is(diffId, sha256(whole));
  t.deepEqual(await readFile(join(layer.diffPath, 'a')), whole.subarray(512, 300_512));
});

test('hard links of one layer, holes, and what is not archived', async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await write(layer.diffPath, { 'b/one': 'x', '.wh..wh.plnk/1': '', '.wh..wh.aufs': '' });
  await link(join(layer.diffPath, 'b/one'), join(layer.diffPath, 'a'));
  await link(join(layer.diffPath, '.wh..wh.aufs'), join(layer.diffPath, '.wh.gone'));
  await link(join(layer.diffPath, '.wh..wh.aufs'), join(layer.diffPath, '.wh.too'));
  await symlink('/etc/passwd', join(layer.diffPath, 'link'));
  await writeFile(join(layer.diffPath, 'hole'), '');
  await truncate(join(layer.diffPath, 'hole'), 10 * 2 ** 20);
  const sparse = await collect(layer.archive({ sparse: true }));
  t.true(sparse.length < 20_000);
  const again = (await store.apply([sparse])).layer;
  t.is((await stat(join(again.diffPath, 'hole'))).size, 10 * 2 ** 20);
  const file = join(await temporaryDirectory(t), 'a.tar');
  await writeFile(file, sparse);
  const names = (await run('tar', ['-tvf', file])).stdout;
  t.regex(names, /^-.* \.wh\.gone$/m);
  t.regex(names, /^-.* \.wh\.too$/m);
  t.regex(names, /^h.* b\/one link to a$/m);
  t.notRegex(names, /\.wh\.\.wh\./);
});

test('a layer that is changed while it is archived fails, it does not lie', async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await writeFile(join(layer.diffPath, 'a'), Buffer.alloc(4 * 2 ** 20));
  const reading = async () => {
    let first = true;
    for await (const _ of layer.archive()) {
      if (first) await truncate(join(layer.diffPath, 'a'), 10);
      first = false;
    }
  };
  const error = await t.throwsAsync(reading(), { code: 'ERR_LAYER_CHANGED' });
  t.regex(error?.message ?? '', /a file got shorter.*"a"/);
});

test('a stream that is destroyed lets go of its files', async (t) => {
  const store = await temporaryStore(t);
  const layer = await store.createLayer();
  await mkdir(join(layer.diffPath, 'd'));
  await writeFile(join(layer.diffPath, 'd/a'), Buffer.alloc(4 * 2 ** 20));
  for await (const _ of layer.archive()) break;
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = async () => {
    for await (const _ of layer.archive({ signal: controller.signal })) controller.abort(reason);
  };
  t.is(await t.throwsAsync(reading()), reason);
  await t.throwsAsync(collect(layer.archive({ signal: AbortSignal.abort(reason) })), { is: reason });
  const { stdout } = await run('sh', [
    '-c',
    `ls -l /proc/${process.pid}/fd | grep -c ${layer.diffPath} || true`,
  ]);
  t.is(stdout.trim(), '0');
});
