// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type ArchiveOptions, type Layer, openStore } from '../../lib/store/index.ts';
import type { Contender, Stack, View } from '../suite.ts';

/** What the branch of a fixture of archives holds. */
export const TREE = 'tree';
export const ARCHIVE = 'archive.tar';

/** Of something that is no tree to look at. */
export function view(work: Partial<View>): View {
  const unsupported = (): never => {
    throw new Error('it has no tree to look at');
  };
  return { firstWrite: unsupported, chmod: unsupported, stat: unsupported, ...work };
}

export function fixture({ lowers: [branch = ''] }: Stack): { tree: string; archive: string } {
  return { tree: join(branch, TREE), archive: join(branch, ARCHIVE) };
}

function tarExtract(name: string, sync: boolean): Contender {
  return {
    name,
    async start(stack) {
      const { archive } = fixture(stack);
      const unpack = () => {
        execFileSync('tar', ['-C', stack.upper, '-xpf', archive]);
        if (sync) execFileSync('sync', ['-f', stack.upper]);
      };
      return { view: view({ unpack }), copies: stack.upper, async stop() {} };
    },
  };
}

function apply(name: string, exact: boolean): Contender {
  return {
    name,
    async start(stack) {
      const { archive } = fixture(stack);
      const store = await openStore(join(stack.upper, 'store'));
      const unpack = async () => {
        const { layer } = await store.apply(createReadStream(archive), { exact });
        if (layer.diffId === undefined) throw new Error('no diff id');
      };
      return { view: view({ unpack }), copies: stack.upper, stop: () => store.close() };
    },
  };
}

/** Through a pipe: to /dev/null GNU tar would not read the files at all. */
const tarCreate: Contender = {
  name: 'tar -c to a pipe',
  async start(stack) {
    const { tree } = fixture(stack);
    const pack = () => {
      execFileSync('sh', ['-c', 'tar --format=posix -C "$0" -cf - . | cat >/dev/null', tree]);
    };
    return { view: view({ pack }), copies: stack.upper, async stop() {} };
  },
};

function produce(name: string, options: ArchiveOptions): Contender {
  return {
    name,
    async start(stack) {
      const { archive } = fixture(stack);
      const store = await openStore(join(stack.scratch, 'store'));
      const layers = await store.layers();
      const layer: Layer = layers[0] ?? (await store.apply(createReadStream(archive))).layer;
      const pack = async () => {
        let bytes = 0;
        for await (const chunk of layer.archive(options)) bytes += (chunk as Buffer).length;
        if (bytes === 0) throw new Error('no archive');
      };
      return { view: view({ pack }), copies: stack.upper, stop: () => store.close() };
    },
  };
}

export const archives: readonly Contender[] = [
  tarExtract('tar -x, sync -f', true),
  tarExtract('tar -x', false),
  apply('node-aufs apply', true),
  apply('node-aufs apply, no record', false),
  tarCreate,
  produce('node-aufs diff', {}),
  produce('node-aufs diff, exact', { exact: true }),
];
