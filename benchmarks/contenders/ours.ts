// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { mount, writeChainIndex } from '../../lib/mount.ts';
import { Union } from '../../lib/union.ts';
import type { Contender, View } from '../suite.ts';
import { DirectoryView } from './directory_view.ts';

class UnionView implements View {
  readonly #union: Union;
  readonly #together: boolean;

  constructor(union: Union, together: boolean) {
    this.#union = union;
    this.#together = together;
  }

  async firstWrite(paths: readonly string[]): Promise<void> {
    if (this.#together) await this.#union.copyUp(paths);
    else for (const path of paths) await this.#union.copyUp(path);
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#union.chmod(path, mode);
  }

  async stat(paths: readonly string[]): Promise<number> {
    let found = 0;
    for (const path of paths) {
      try {
        await this.#union.stat(path);
        found++;
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOENT') throw error;
      }
    }
    return found;
  }
}

/** Layers of a store have an index, which the first mount over them makes; here it is there before. */
function indexed(name: string): Contender {
  return {
    name,
    async start({ upper, lowers, target }) {
      const branches = [upper, ...lowers];
      const chainIndex = `${upper}.index`;
      if (!existsSync(chainIndex)) await writeChainIndex(chainIndex, { branches });
      const mountpoint = await mount(target, { branches, chainIndex });
      if (!(await mountpoint.stats()).chainIndex) throw new Error('the chain index is not used');
      return {
        view: new DirectoryView(target),
        copies: upper,
        served: target,
        stop: () => mountpoint.unmount(),
      };
    },
  };
}

function mounted(name: string, volatile: boolean): Contender {
  return {
    name,
    async start({ upper, lowers, target }) {
      const mountpoint = await mount(target, { branches: [upper, ...lowers], volatile });
      return {
        view: new DirectoryView(target),
        copies: upper,
        served: target,
        stop: () => mountpoint.unmount(),
      };
    },
  };
}

function inProcess(name: string, volatile: boolean, together: boolean): Contender {
  return {
    name,
    async start({ upper, lowers }) {
      const union = await Union.open({ branches: [upper, ...lowers], volatile });
      return { view: new UnionView(union, together), copies: upper, stop: () => union.close() };
    },
  };
}

export const ours: readonly Contender[] = [
  mounted('node-aufs mount', false),
  mounted('node-aufs mount volatile', true),
  indexed('node-aufs mount, chain index'),
  inProcess('node-aufs Union', false, false),
  inProcess('node-aufs Union volatile', true, false),
  inProcess('node-aufs Union, all at once', false, true),
  inProcess('node-aufs Union volatile, all at once', true, true),
];
