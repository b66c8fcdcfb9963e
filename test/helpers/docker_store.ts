// SPDX-License-Identifier: MIT
// Roots as Docker's aufs driver left them, written from the description of the layout: no code under test, archives by tar(1).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tarSplit } from './tar_split.ts';
import { type Tree, writeTree } from './tree.ts';

/** An image's layer in a fixture. */
export interface FixtureLayer {
  readonly diffId: string;
  readonly chainId: string;
  readonly cacheId: string;
  readonly archive: Buffer;
  /** Its directory in `layerdb/sha256/`. */
  readonly path: string;
  /** Its directory in `aufs/diff/`. */
  readonly diffPath: string;
}

export interface FixtureContainer {
  readonly id: string;
  readonly mountId: string;
  readonly path: string;
  readonly diffPath: string;
}

/** A root of Docker's: an image of three layers with a container on it. */
export interface DockerFixture {
  readonly root: string;
  /** From the base up. */
  readonly layers: readonly [FixtureLayer, FixtureLayer, FixtureLayer];
  readonly container: FixtureContainer;
  readonly imageId: string;
}

const LONG =
  'a-name-that-is-longer-than-the-hundred-bytes-of-a-plain-header-has-to-be-told-in-a-header-of-its-own/x';

const TREES: readonly Tree[] = [
  {
    bin: { sh: '#!/bin/true\n', dash: { link: 'sh' } },
    etc: { hosts: 'from the image\n', empty: '', passwd: 'root:x:0:0\n' },
    data: { big: 'x'.repeat(300_001), same: { hard: 'data/big' }, old: 'old' },
    gone: { file: 'gone' },
    opaque: { hidden: 'hidden' },
  },
  {
    data: { old: 'new', '.wh.big': '' },
    '.wh.gone': '',
    opaque: { '.wh..wh..opq': '', seen: 'seen' },
    [LONG.split('/')[0] as string]: { x: 'long' },
  },
  { etc: { passwd: 'root:x:0:0\nuser:x:1000:1000\n' }, größe: 'not ASCII' },
];

/** Each layer by another kind of tar, as layers come from many tools. */
const FORMATS = ['gnu', 'pax', 'ustar'] as const;

export function sha256Hex(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What a union of all of the image's layers shows. */
export const IMAGE_TREE: Tree = {
  [LONG.split('/')[0] as string]: { x: 'long' },
  bin: { dash: { link: 'sh' }, sh: '#!/bin/true\n' },
  data: { old: 'new', same: 'x'.repeat(300_001) },
  etc: { empty: '', hosts: 'from the image\n', passwd: 'root:x:0:0\nuser:x:1000:1000\n' },
  größe: 'not ASCII',
  opaque: { seen: 'seen' },
};

/** Makes the directory `root` and the fixture in it; archives are made in the directory `scratch`. */
export async function dockerFixture(root: string, scratch: string): Promise<DockerFixture> {
  const layers: FixtureLayer[] = [];
  for (const [i, tree] of TREES.entries()) {
    const source = join(scratch, `tree${i}`);
    await writeTree(source, tree);
    const words = [
      '--sort=name',
      `--format=${FORMATS[i]}`,
      '-C',
      source,
      '-cf',
      '-',
      ...Object.keys(tree).sort(),
    ];
    const archive = execFileSync('tar', words, { maxBuffer: 2 ** 26 });
    layers.push(await addLayer(root, archive, layers));
  }
  const all = layers as unknown as DockerFixture['layers'];
  const container = await addContainer(root, 'c', all);
  return { root, layers: all, container, imageId: await addImage(root, all) };
}

/** @param below - From the base up. */
export async function addLayer(
  root: string,
  archive: Buffer,
  below: readonly FixtureLayer[],
): Promise<FixtureLayer> {
  const parent = below.at(-1);
  const diffId = `sha256:${sha256Hex(archive)}`;
  const chainId = parent === undefined ? diffId : `sha256:${sha256Hex(`${parent.chainId} ${diffId}`)}`;
  const cacheId = sha256Hex(`cache of ${chainId}`);
  const path = join(root, 'image/aufs/layerdb/sha256', chainId.slice(7));
  await addDriverLayer(root, cacheId, below.map((layer) => layer.cacheId).reverse());
  const diffPath = join(root, 'aufs/diff', cacheId);
  execFileSync('tar', ['-C', diffPath, '-xpf', '-'], { input: archive });
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'cache-id'), cacheId);
  await writeFile(join(path, 'diff'), diffId);
  await writeFile(join(path, 'size'), '12345');
  if (parent !== undefined) await writeFile(join(path, 'parent'), parent.chainId);
  await writeFile(join(path, 'tar-split.json.gz'), tarSplit(archive));
  return { diffId, chainId, cacheId, archive, path, diffPath };
}

/** A container named `name` over and over, on these layers, with a changed and a deleted file. */
async function addContainer(
  root: string,
  name: string,
  below: readonly FixtureLayer[],
): Promise<FixtureContainer> {
  const id = name.repeat(64);
  const mountId = sha256Hex(`mount of ${id}`);
  const path = join(root, 'image/aufs/layerdb/mounts', id);
  const image = below.map((layer) => layer.cacheId).reverse();
  await addDriverLayer(root, `${mountId}-init`, image);
  await addDriverLayer(root, mountId, [`${mountId}-init`, ...image]);
  const diffPath = join(root, 'aufs/diff', mountId);
  await writeTree(`${diffPath}-init`, { '.dockerenv': '', etc: { hosts: '', hostname: '' } });
  await writeTree(diffPath, {
    etc: { hosts: 'of the container\n' },
    data: { '.wh.old': '' },
    '.wh..wh.aufs': '',
  });
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'mount-id'), mountId);
  await writeFile(join(path, 'init-id'), `${mountId}-init`);
  await writeFile(join(path, 'parent'), below.at(-1)?.chainId ?? '');
  return { id, mountId, path, diffPath };
}

/** @param parents - Nearest first. */
async function addDriverLayer(root: string, id: string, parents: readonly string[]): Promise<void> {
  await mkdir(join(root, 'aufs/diff', id), { recursive: true, mode: 0o755 });
  await mkdir(join(root, 'aufs/mnt', id), { recursive: true, mode: 0o755 });
  await mkdir(join(root, 'aufs/layers'), { recursive: true });
  await writeFile(join(root, 'aufs/layers', id), parents.map((parent) => `${parent}\n`).join(''));
}

async function addImage(root: string, layers: readonly FixtureLayer[]): Promise<string> {
  const images = join(root, 'image/aufs/imagedb/content/sha256');
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: '2016-06-23T23:23:37.198943461Z',
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const imageId = `sha256:${sha256Hex(config)}`;
  await mkdir(images, { recursive: true });
  await mkdir(join(root, 'image/aufs/layerdb/tmp'), { recursive: true });
  await writeFile(join(images, imageId.slice(7)), config, { mode: 0o600 });
  const names = { 'busybox:latest': imageId, [`busybox@sha256:${'d'.repeat(64)}`]: imageId };
  const repositories = JSON.stringify({ Repositories: { busybox: names } });
  await writeFile(join(root, 'image/aufs/repositories.json'), repositories, { mode: 0o600 });
  return imageId;
}
