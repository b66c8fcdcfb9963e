// SPDX-License-Identifier: MIT
import type { Command } from 'commander';
import { AufsError } from '../errors.ts';
import { readBranch } from '../mount/remount.ts';
import { mountedBranches } from '../mount.ts';
import { asUsage } from './as_usage.ts';
import { columns, printable } from './terminal.ts';
import { print, type Runner, type Verb } from './verb.ts';

/** `node-aufs branch`: the branches of a mount in use, looked at and changed. */
export const branch: Verb = (program, run) => {
  const group = program
    .command('branch')
    .description('list and change the branches of a mount, while it is in use');
  addList(group, run);
  addAdd(group, run);
  addRemove(group, run);
  addModify(group, run);
};

function addList(group: Command, run: Runner): void {
  group
    .command('list')
    .description('print position, mode and path of each branch, topmost first')
    .argument('<mountpoint>')
    .action((target: string, _options, command) =>
      run(command, async (context) => {
        const branches = await mountedBranches(target).list();
        print(context, { branches }, () =>
          columns(branches.map(({ path, mode }, index) => [String(index), mode, printable(path)])),
        );
      }),
    );
}

function addAdd(group: Command, run: Runner): void {
  group
    .command('add')
    .alias('insert')
    .description('add a branch below all others, or where it is asked for')
    .argument('<mountpoint>')
    .argument('<path[=mode]>', 'its mode is ro+wh if none is given')
    .option('--top', 'above all others')
    .option('--at <position>', 'at this position; 0 is topmost')
    .action((target: string, text: string, options: { top?: boolean; at?: string }, command) =>
      run(command, async () => {
        await asUsage(mountedBranches(target).add(readBranch(text, 'ro+wh'), { at: place(options) }));
      }),
    );
}

function place({ top = false, at }: { top?: boolean; at?: string }): 'top' | 'bottom' | number {
  if (at === undefined) return top ? 'top' : 'bottom';
  if (top || !/^\d+$/.test(at)) {
    throw new AufsError('ERR_USAGE', `branch add: --at ${at}${top ? ' and --top' : ''}`, {
      hint: 'give one position, a number from 0 on',
    });
  }
  return Number(at);
}

function addRemove(group: Command, run: Runner): void {
  group
    .command('remove')
    .alias('del')
    .description('take a branch out; what is in it stays there')
    .argument('<mountpoint>')
    .argument('<path>')
    .action((target: string, path: string, _options, command) =>
      run(command, () => mountedBranches(target).remove(path)),
    );
}

function addModify(group: Command, run: Runner): void {
  group
    .command('modify')
    .alias('mod')
    .description('give a branch another mode')
    .argument('<mountpoint>')
    .argument('<path=mode>')
    .action((target: string, text: string, _options, command) =>
      run(command, async () => {
        const { path, mode } = readBranch(text);
        await asUsage(mountedBranches(target).modify(path, mode));
      }),
    );
}
