// SPDX-License-Identifier: MIT
// What a store does in many steps, one of each; done by a process of its own (store_worker.ts).
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openStore, type Store } from '../../lib/store/index.ts';
import { tar } from '../store/archive_helper.ts';
import { id, write } from '../store/store_helper.ts';

/** `BASE` <- `UPPER`, which can be written to, and `SPARE`, cached and read-only; `NEW` is to be made. */
export const [BASE, UPPER, SPARE, NEW] = [id('a'), id('b'), id('c'), id('e')];

export interface StoreOperation {
  readonly title: string;
  /** Makes the store unlike the usual one, before `prepare`. */
  readonly spoil?: (root: string) => Promise<void>;
  /** The store is opened by the operation itself. */
  readonly opens?: boolean;
  /** Makes a layer: if it rejects there is none. */
  readonly makes?: boolean;
  /** Needs /dev/fuse. */
  readonly mounts?: boolean;
  /** What must be so before it begins, in its own process. */
  readonly prepare?: (store: Store) => Promise<unknown>;
  readonly act: (store: Store, root: string) => Promise<unknown>;
}

const ARCHIVE = gzipSync(
  tar([
    { name: 'd/', type: '5' },
    { name: 'd/file', data: 'x'.repeat(9000) },
    { name: 'd/link', type: '2', link: 'file' },
    { name: 'd/hard', type: '1', link: 'd/file' },
    { name: '.wh.gone' },
  ]),
);

/** What create, apply, commit, remove and Docker leave when they are interrupted. */
async function leftovers(root: string): Promise<void> {
  const own = join(root, '.node-aufs');
  await write(root, {
    [`.node-aufs/staging/${NEW}/diff/half`]: 'x',
    [`.node-aufs/layers/${NEW}.json`]: '{}',
    [`.node-aufs/layers/${NEW}.tar-split.json.gz`]: 'x',
    [`.node-aufs/locks/${NEW}`]: '',
    [`diff/${NEW}/d/half`]: 'x',
    [`mnt/${NEW}/`]: '',
    [`diff/${id('d')}-removing/d/x`]: 'x',
    [`mnt/${id('d')}-removing/`]: '',
    [`layers/.${NEW}.0123456789ab`]: BASE,
    [`.node-aufs/layers/.${NEW}.json.0123456789ab`]: '{',
  });
  await mkdir(join(own, 'staging', UPPER), { recursive: true });
}

export const OPERATIONS: readonly StoreOperation[] = [
  { title: 'create', makes: true, act: (store) => store.createLayer({ id: NEW, parent: BASE }) },
  {
    title: 'create from a directory',
    makes: true,
    act: (store, root) => store.createLayer({ id: NEW, parent: BASE, from: `${root}.source`, at: 'usr' }),
  },
  { title: 'apply', makes: true, act: (store) => store.apply([ARCHIVE], { id: NEW, parent: BASE }) },
  { title: 'commit', makes: true, act: async (store) => (await store.layer(UPPER)).commit({ id: NEW }) },
  { title: 'remove', act: async (store) => (await store.layer(UPPER)).remove() },
  { title: 'mount', mounts: true, act: async (store) => (await store.layer(UPPER)).mount() },
  {
    title: 'unmount',
    mounts: true,
    prepare: async (store) => (await store.layer(UPPER)).mount(),
    act: async (store) => (await store.layer(UPPER)).unmount(),
  },
  { title: 'get', mounts: true, act: (store) => store.graphDriver().get(UPPER) },
  {
    title: 'put',
    mounts: true,
    prepare: (store) => store.graphDriver().get(UPPER),
    act: (store) => store.graphDriver().put(UPPER),
  },
  { title: 'gc', act: (store) => store.gc() },
  { title: 'open a store that is in order', opens: true, act: (_, root) => openStore(root) },
  { title: 'open after a crash', opens: true, spoil: leftovers, act: (_, root) => openStore(root) },
  {
    title: 'repair after a crash',
    opens: true,
    spoil: leftovers,
    act: (_, root) => repair(root),
  },
  {
    title: 'repair of a list of parents',
    opens: true,
    spoil: (root) => writeFile(join(root, 'layers', UPPER), ''),
    act: (_, root) => repair(root),
  },
];

/** What could not be repaired is told in the report: here it counts as a refusal. */
async function repair(root: string): Promise<void> {
  const { findings } = await (await openStore(root, { sweep: false })).check({ repair: true });
  const failed = findings.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) throw Object.assign(new Error(failed.failure), { code: 'NOT_REPAIRED' });
}

/** Writes into a mount, without fsync(2), and unmounts. */
export const WRITE: StoreOperation = {
  title: 'write and unmount',
  mounts: true,
  act: async (store) => {
    const mount = await (await store.layer(UPPER)).mount();
    await writeFile(join(mount.target, 'etc/two'), 'w'.repeat(9000));
    await mount.unmount();
  },
};

/** The store that operations begin with, and beside it what they read. */
export async function makeStore(root: string): Promise<void> {
  await write(`${root}.source`, { 'a/file': 'f'.repeat(5000), 'a/b/c': 'c', 'empty/': '' });
  await write(`${root}.base`, { 'etc/one': '1', 'etc/two': '2', gone: 'g', 'd/old': 'o'.repeat(3000) });
  await using store = await openStore(root);
  await store.createLayer({ id: BASE, from: `${root}.base` });
  const { diffPath } = await store.createLayer({ id: UPPER, parent: BASE });
  await write(diffPath, { 'etc/one': 'changed', '.wh.gone': '', 'new/x': 'x'.repeat(3000) });
  await store.apply([ARCHIVE], { id: SPARE, parent: BASE, labels: { cache: '' } });
}
