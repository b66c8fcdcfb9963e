// SPDX-License-Identifier: MIT
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Fixture, Settings, Suite } from '../suite.ts';
import { mounted } from './common.ts';

function branches(depth: number): Fixture {
  return {
    name: `mounting-${depth}`,
    async build(directory) {
      const lowers = Array.from({ length: depth }, (_, i) => join(directory, String(i)));
      for (const lower of lowers) {
        mkdirSync(lower);
        writeFileSync(join(lower, 'file'), '');
      }
      return lowers;
    },
  };
}

function cases({ quick }: Settings): Case[] {
  const title = 'mount, stat of a file, unmount';
  return (quick ? [1, 16] : [1, 128, 500]).map((depth): Case => {
    const column = depth === 1 ? '1 branch' : `${depth} branches`;
    return {
      id: `mount-${depth}`,
      title: `${title}, ${column}`,
      series: { title, column },
      fixture: branches(depth),
      groups: [{ ...mounted, contenders: mounted.contenders.filter((name) => name !== 'plain directory') }],
      measure: 'mount',
      fresh: true,
      cold: false,
      operations: 1,
      bytes: 0,
      async run(view) {
        if ((await view.stat(['file'])) !== 1) throw new Error('the file is not there');
      },
    };
  });
}

export const mounting: Suite = {
  name: 'mount',
  weight: 1,
  backings: ['ext4'],
  notes: [
    'From the call to the mount being gone, processes included. Everybody is started as a user would: a program of its own (mount(8) and umount(8) for overlayfs), ' +
      'node-aufs by mount() and unmount(). Whether a foreign server has mounted is looked at every 2 ms.',
  ],
  cases,
};
