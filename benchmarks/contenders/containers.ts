// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { settled } from '../../lib/settled.ts';
import { type Layer, openStore, type Store } from '../../lib/store/index.ts';
import type { Contender, View } from '../suite.ts';
import { view } from './archives.ts';
import { runTool } from './foreign_mount.ts';

/** A container of the fixture's image as a layer of a store: what it changed is what its directory holds. */
const layerOfStore: Contender = {
  name: 'node-aufs layer',
  async start({ scratch, lowers: [from] }) {
    const store = await openStore(join(scratch, 'store'));
    const image = await imageIn(store, from);
    const layer = await store.createLayer({ parent: image });
    const work: Partial<View> = {
      root: layer.diffPath,
      changes: async () => (await layer.changes()).length,
      diffSize: () => layer.diffSize(),
    };
    return { view: view(work), copies: layer.diffPath, stop: () => store.close() };
  },
};

/** The image that the fixture's branch is, copied into the store once. */
async function imageIn(store: Store, from: string | undefined): Promise<Layer> {
  const known = (await store.layers()).find(({ readOnly }) => readOnly);
  return known ?? (await store.createLayer({ from }));
}

const LIST = "find . -mindepth 1 -type f -printf '%P\\t%s\\t%T@\\t%m\\t%U\\t%G\\n' | LC_ALL=C sort";

/** What a driver does that does not know what changed: both trees are walked and compared. */
const overlayWalk: Contender = {
  name: 'overlayfs, full walk',
  async start(stack) {
    const {
      lowers: [lower = ''],
      target,
      upper,
    } = stack;
    await mountOverlay(lower, upper, stack.work, target);
    const script = `cd "$0"; ${LIST} >"$2/before"; cd "$1"; ${LIST} >"$2/after"; LC_ALL=C comm -13 "$2/before" "$2/after"`;
    const changed = () =>
      execFileSync('sh', ['-ec', script, lower, target, stack.scratch], { encoding: 'utf8' })
        .split('\n')
        .slice(0, -1);
    const work: Partial<View> = {
      root: target,
      changes: () => changed().length,
      diffSize: () => changed().reduce((sum, line) => sum + Number(line.split('\t')[1]), 0),
    };
    return { view: view(work), copies: upper, stop: async () => void (await runTool('umount', [target])) };
  },
};

const storeContainers: Contender = {
  name: 'node-aufs store',
  async start({ scratch, lowers: [from] }) {
    const store = await openStore(join(scratch, 'store'));
    const image = await imageIn(store, from);
    let made: Layer[] = [];
    const one = async () => {
      const layer = await store.createLayer({ parent: image });
      made.push(layer);
      await layer.mount();
    };
    const work: Partial<View> = {
      async keepLayers(count) {
        await settled(Array.from({ length: count }, () => store.createLayer({ parent: image })));
      },
      async makeContainers(count) {
        await settled(Array.from({ length: count }, () => one()));
      },
      async removeContainers() {
        const layers = made;
        made = [];
        await settled(
          layers.map(async (layer) => {
            await layer.unmount();
            await layer.remove();
          }),
        );
      },
    };
    return { view: view(work), copies: undefined, stop: () => store.close() };
  },
};

/** Directories, mount(8), umount(8): nothing is kept about them, and nothing is synced. */
const overlayContainers: Contender = {
  name: 'overlayfs by hand',
  async start({ scratch, lowers: [lower = ''] }) {
    const directory = (i: number) => join(scratch, 'containers', String(i));
    let made = 0;
    const work: Partial<View> = {
      async makeContainers(count) {
        made = count;
        const one = async (i: number) => {
          const at = (name: string) => join(directory(i), name);
          for (const name of ['upper', 'work', 'merged']) mkdirSync(at(name), { recursive: true });
          await mountOverlay(lower, at('upper'), at('work'), at('merged'));
        };
        await settled(Array.from({ length: count }, (_, i) => one(i)));
      },
      async removeContainers() {
        const one = async (i: number) => {
          if (!existsSync(directory(i))) return;
          await runTool('umount', [join(directory(i), 'merged')]);
          rmSync(directory(i), { recursive: true });
        };
        await settled(Array.from({ length: made }, (_, i) => one(i)));
      },
    };
    return { view: view(work), copies: undefined, async stop() {} };
  },
};

async function mountOverlay(lower: string, upper: string, work: string, target: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('needs root');
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await runTool('mount', ['-t', 'overlay', 'overlay', '-o', options, target]);
}

export const containers: readonly Contender[] = [
  layerOfStore,
  overlayWalk,
  storeContainers,
  overlayContainers,
];
