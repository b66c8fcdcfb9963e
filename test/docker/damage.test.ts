// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { type DockerFindingKind, openDockerStore, openStore } from '../../lib/index.ts';
import { type DockerFixture, sha256Hex } from '../helpers/docker_store.ts';
import { isRoot, run } from '../helpers/stage.ts';
import { collect } from '../store/archive_helper.ts';
import { dockerRoot } from './docker_helper.ts';

type Which = 0 | 1 | 2;

interface Damage {
  readonly title: string;
  readonly damage: (fixture: DockerFixture) => Promise<unknown>;
  /** Layers that can still be used, from the base up. */
  readonly usable: readonly Which[];
  /** What check says, sorted. */
  readonly kinds: readonly DockerFindingKind[];
  /** Where the first of them is. */
  readonly at?: (fixture: DockerFixture) => string;
}

const GONE: readonly DockerFindingKind[] = ['container-damaged', 'image-layer-missing'];
/** Without its cache id nothing tells whose data it is. */
const ORPHAN: readonly DockerFindingKind[] = ['diff-orphan'];
const layerFile = (which: Which, name: string) => (fixture: DockerFixture) =>
  join(fixture.layers[which].path, name);

/** Files that a power cut leaves at no bytes, or that hold something else. */
const EMPTY: readonly Damage[] = ['cache-id', 'diff', 'parent', 'size'].flatMap((name) => [
  {
    title: `${name} has no bytes`,
    damage: (fixture: DockerFixture) => truncate(layerFile(2, name)(fixture)),
    usable: [0, 1] as const,
    kinds: [...GONE, 'layer-damaged', ...(name === 'cache-id' ? ORPHAN : [])] as const,
    at: layerFile(2, name),
  },
  {
    title: `${name} holds nonsense`,
    damage: (fixture: DockerFixture) => writeFile(layerFile(2, name)(fixture), '../../../etc\0'),
    usable: [0, 1] as const,
    kinds: [...GONE, 'layer-damaged', ...(name === 'cache-id' ? ORPHAN : [])] as const,
    at: layerFile(2, name),
  },
]);

const DAMAGES: readonly Damage[] = [
  ...EMPTY,
  {
    title: 'all files of a layer in the middle have no bytes',
    damage: ({ layers }) =>
      Promise.all(['cache-id', 'diff', 'parent', 'size'].map((name) => truncate(join(layers[1].path, name)))),
    usable: [0],
    kinds: [...GONE, ...ORPHAN, 'layer-damaged', 'parent-missing'],
  },
  {
    title: 'the base layer is gone',
    damage: ({ layers }) => rm(layers[0].path, { recursive: true }),
    usable: [],
    kinds: [...GONE, 'diff-orphan', 'parent-missing', 'parent-missing'],
  },
  {
    title: 'the file parent is gone, so that a layer looks like a base layer',
    damage: (fixture) => rm(layerFile(2, 'parent')(fixture)),
    usable: [0, 1],
    kinds: ['chain-id-mismatch', ...GONE],
    at: ({ layers }) => layers[2].path,
  },
  {
    title: 'the diff id of another layer',
    damage: ({ layers }) => writeFile(join(layers[2].path, 'diff'), layers[1].diffId),
    usable: [0, 1],
    kinds: ['chain-id-mismatch', ...GONE],
  },
  {
    title: 'a cycle of two, and one on top of it',
    damage: ({ layers }) => writeFile(join(layers[0].path, 'parent'), layers[1].chainId),
    usable: [],
    kinds: ['chain-cycle', 'chain-cycle', ...GONE, 'parent-missing'],
  },
  {
    title: 'a layer that is its own parent',
    damage: ({ layers }) => writeFile(join(layers[2].path, 'parent'), layers[2].chainId),
    usable: [0, 1],
    kinds: ['chain-cycle', ...GONE],
  },
  {
    title: 'a layer’s entry is a file',
    damage: async ({ layers }) => {
      await rm(layers[2].path, { recursive: true });
      await writeFile(layers[2].path, '');
    },
    usable: [0, 1],
    kinds: [...GONE, 'diff-orphan', 'layer-damaged'],
  },
  {
    title: 'the content of a layer is gone',
    damage: ({ layers }) => rm(layers[1].diffPath, { recursive: true }),
    usable: [0],
    kinds: [...GONE, 'diff-missing', 'parent-missing'],
    at: ({ layers }) => layers[1].diffPath,
  },
  {
    title: 'names that mean nothing',
    damage: ({ root, layers }) =>
      Promise.all([
        mkdir(join(root, 'image/aufs/layerdb/sha256/UPPER')),
        mkdir(join(root, 'image/aufs/layerdb/mounts/.hidden')),
        rename(layers[2].path, `${layers[2].path}x`),
      ]),
    usable: [0, 1],
    kinds: [...GONE, 'unknown-name', 'unknown-name', 'unknown-name'],
  },
  {
    title: 'a record of no bytes',
    damage: (fixture) => truncate(layerFile(1, 'tar-split.json.gz')(fixture)),
    usable: [0, 1, 2],
    kinds: ['record-missing'],
    at: layerFile(1, 'tar-split.json.gz'),
  },
  {
    title: 'the driver’s lists of parents: empty, and gone',
    damage: async ({ root, layers, container }) => {
      await truncate(join(root, 'aufs/layers', layers[2].cacheId));
      await rm(join(root, 'aufs/layers', container.mountId));
    },
    usable: [0, 1, 2],
    kinds: ['driver-chain-damaged', 'driver-chain-damaged'],
  },
  {
    title: 'a container without mount-id, one on a layer that is none',
    damage: async ({ root, container }) => {
      await truncate(join(container.path, 'mount-id'));
      const other = join(root, 'image/aufs/layerdb/mounts', 'd'.repeat(64));
      await mkdir(other);
      await writeFile(join(other, 'mount-id'), container.mountId);
      await writeFile(join(other, 'parent'), `sha256:${'0'.repeat(64)}`);
    },
    usable: [0, 1, 2],
    kinds: ['container-damaged', 'container-damaged'],
  },
  {
    title: 'two layers that share their content',
    damage: ({ root, layers }) =>
      Promise.all([
        writeFile(join(layers[2].path, 'cache-id'), layers[1].cacheId),
        rm(layers[2].diffPath, { recursive: true }),
        rm(join(root, 'aufs/layers', layers[2].cacheId)),
      ]),
    usable: [0, 1, 2],
    kinds: ['cache-id-shared', 'driver-chain-damaged', 'driver-chain-damaged', 'driver-chain-damaged'],
  },
  {
    title: 'an image configuration that was changed; names that stand for nothing',
    damage: async ({ root, imageId }) => {
      await appendFile(join(root, 'image/aufs/imagedb/content/sha256', imageId.slice(7)), ' ');
    },
    usable: [0, 1, 2],
    kinds: ['image-damaged', 'image-missing'],
  },
  {
    title: 'repositories.json of no bytes',
    damage: ({ root }) => truncate(join(root, 'image/aufs/repositories.json')),
    usable: [0, 1, 2],
    kinds: ['repositories-damaged'],
  },
  {
    title: 'what interrupted operations left, and data that nothing explains',
    damage: async ({ root, layers }) => {
      const layerdb = join(root, 'image/aufs/layerdb');
      await mkdir(join(layerdb, 'tmp/write-set-123'), { recursive: true });
      await mkdir(join(layerdb, 'sha256', `${'e'.repeat(64)}-${'f'.repeat(32)}-removing`));
      await mkdir(join(root, 'aufs/diff', `${layers[0].cacheId}-removing`));
      await mkdir(join(root, 'aufs/diff', sha256Hex('orphan')));
    },
    usable: [0, 1, 2],
    kinds: ['diff-orphan', 'removing', 'removing', 'transaction'],
  },
];

for (const { title, damage, usable, kinds, at } of DAMAGES) {
  test(`damage is told by name, and the rest can be used: ${title}`, async (t) => {
    const fixture = await dockerRoot(t);
    await damage(fixture);
    const store = await openDockerStore(fixture.root);
    const { layers } = await store.contents();
    t.deepEqual(
      layers.map(({ chainId }) => chainId as string),
      usable.map((i) => fixture.layers[i].chainId).sort(),
    );
    const { clean, findings } = await store.check();
    t.false(clean);
    t.deepEqual(findings.map(({ kind }) => kind).sort(), [...kinds].sort());
    if (at !== undefined) t.true(findings.some(({ path }) => path === at(fixture)));
    for (const i of usable) t.truthy(await store.layer(fixture.layers[i].chainId));
    for (const i of ([0, 1, 2] as const).filter((each) => !usable.includes(each))) {
      const code = /gone|mean nothing/.test(title)
        ? /ERR_(CORRUPT_LAYER|LAYER_NOT_FOUND)/
        : /ERR_CORRUPT_LAYER/;
      await t.throwsAsync(store.layer(fixture.layers[i].chainId), { message: code });
    }
  });
}

test('an image whose layer is gone or damaged says so by its name, too', async (t) => {
  const { root, layers, imageId } = await dockerRoot(t);
  const store = await openDockerStore(root);
  await truncate(join(layers[2].path, 'diff'));
  t.regex((await t.throwsAsync(store.layer('busybox'))).message, /ERR_CORRUPT_LAYER.*diff: it is empty/);
  await rm(layers[2].path, { recursive: true });
  for (const text of ['busybox', imageId, imageId.slice(7, 20)]) {
    t.regex((await t.throwsAsync(store.layer(text))).message, /ERR_CORRUPT_LAYER.*topmost layer/);
  }
  await t.throwsAsync(store.layer(layers[2].chainId), { code: 'ERR_LAYER_NOT_FOUND' });
});

test('a file whose content changed: verify names it, the export ends before its last chunk', async (t) => {
  const { root, layers } = await dockerRoot(t);
  await writeFile(join(layers[0].diffPath, 'etc/passwd'), 'evil:x:0:0\n');
  const store = await openDockerStore(root);
  const { sound, layers: verified } = await store.verify();
  t.false(sound);
  t.like(
    verified.find(({ id }) => id === layers[0].chainId),
    { state: 'damaged', entry: 'etc/passwd' },
  );
  t.is(verified.filter(({ state }) => state === 'whole').length, 2);
  const archive = (await store.layer(layers[0].chainId)).archive();
  await t.throwsAsync(collect(archive), { code: 'ERR_LAYER_CHANGED' });
});

test('a record that gives other bytes: the diff id finds it out', async (t) => {
  const { root, layers } = await dockerRoot(t);
  const path = join(layers[1].path, 'tar-split.json.gz');
  const { stdout } = await run('zcat', [path]);
  const lines = stdout.trimEnd().split('\n');
  await writeFile(path, gzipSync(`${lines.slice(0, -2).join('\n')}\n`));
  const store = await openDockerStore(root);
  await t.throwsAsync(collect((await store.layer(layers[1].chainId)).archive()), { code: 'ERR_DIGEST' });
  await rm(path);
  await t.throwsAsync(collect((await store.layer(layers[1].chainId)).archive()), { code: 'ERR_NO_RECORD' });
});

test('a file of a layer that is a symlink out of it is not followed', async (t) => {
  const { root, layers, scratch } = await dockerRoot(t);
  await writeFile(join(scratch, 'passwd'), 'root:x:0:0\n');
  await rm(join(layers[0].diffPath, 'etc/passwd'));
  await symlink(join(scratch, 'passwd'), join(layers[0].diffPath, 'etc/passwd'));
  const { sound } = await (await openDockerStore(root)).verify([layers[0].chainId]);
  t.false(sound);
});

test('a Docker that is alive: reading works, writing is refused', async (t) => {
  const { root, scratch } = await dockerRoot(t);
  const pidFile = join(scratch, 'docker.pid');
  const child = spawn('sleep', ['60']);
  t.teardown(() => child.kill());
  await writeFile(pidFile, `${child.pid}`);
  await t.throwsAsync(openDockerStore(root, { readOnly: false, pidFile }), { code: 'ERR_DOCKER_RUNNING' });
  t.is((await (await openDockerStore(root, { pidFile })).contents()).layers.length, 3);
  const ended = once(child, 'exit');
  child.kill();
  await ended;
  t.false(
    (await openDockerStore(root, { readOnly: false, pidFile })).readOnly,
    'a stale file is no sign of life',
  );
});

const asRoot = isRoot ? test : test.skip;
asRoot(
  `a foreign mount below aufs/mnt is a Docker that is alive${isRoot ? '' : ' (needs root)'}`,
  async (t) => {
    const { root, scratch, container } = await dockerRoot(t);
    const target = join(root, 'aufs/mnt', container.mountId);
    await run('mount', ['-t', 'tmpfs', 'none', target]);
    t.teardown(() => run('umount', [target]).catch(() => {}));
    const opened = openDockerStore(root, { readOnly: false, pidFile: join(scratch, 'docker.pid') });
    await t.throwsAsync(opened, { code: 'ERR_DOCKER_RUNNING' });
    await run('umount', [target]);
    t.truthy(await openDockerStore(root, { readOnly: false, pidFile: join(scratch, 'docker.pid') }));
  },
);

test('what check says to do about leftovers and the driver’s lists mends them', async (t) => {
  const { root, layers, scratch } = await dockerRoot(t);
  const layerdb = join(root, 'image/aufs/layerdb');
  await mkdir(join(layerdb, 'tmp/write-set-123'), { recursive: true });
  await mkdir(join(layerdb, 'sha256', `${'e'.repeat(64)}-${'f'.repeat(32)}-removing`));
  await mkdir(join(root, 'aufs/diff', `${layers[0].cacheId}-removing`));
  await truncate(join(root, 'aufs/layers', layers[1].cacheId));
  const store = await openDockerStore(root);
  const remedies = (await store.check()).findings.map(({ kind, remedy }) => `${kind}: ${remedy}`).sort();
  t.deepEqual(remedies, [
    `driver-chain-damaged: node-aufs --root ${root}/aufs check --repair, where that is certain of the parents`,
    'removing: node-aufs docker gc',
    'removing: node-aufs docker gc',
    'transaction: node-aufs docker gc',
  ]);
  await (await openStore(join(root, 'aufs'), { sweep: false })).check({ repair: true });
  const pidFile = join(scratch, 'docker.pid');
  await (await openDockerStore(root, { readOnly: false, gc: false, pidFile })).gc();
  t.deepEqual((await store.check()).findings, []);
});
