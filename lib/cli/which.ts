// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { AufsError } from '../errors.ts';
import { type Branch, resolveBranches } from '../options.ts';
import { Union } from '../union.ts';
import { stackOfMount } from './stack_of_mount.ts';
import { columns, printable } from './terminal.ts';
import { type Context, print, type Verb } from './verb.ts';

interface Options {
  readonly branches?: string;
  readonly layer?: string;
}

/** `node-aufs which`: the branch that a path of a union comes from. */
export const which: Verb = (program, run) => {
  program
    .command('which')
    .description('say which branch a path comes from, and print its file there')
    .argument(
      '<path...>',
      'a path inside a mount; with --layer or --branches a path from the root of that union',
    )
    .option('--layer <layer>', 'look in the union that this layer of the store shows')
    .option('--branches <a:b:c>', 'look in the union of these directories, topmost first')
    .action((paths: string[], options: Options, command) =>
      run(command, async (context) => {
        const found: Found[] = [];
        for (const path of paths) found.push(await find(context, path, options));
        print(context, { found }, () =>
          columns(found.map(({ index, mode, file }) => [String(index), mode, printable(file)])),
        );
      }),
    );
};

interface Found {
  /** As it was asked for. */
  readonly path: string;
  /** Position in the stack; 0 is topmost. */
  readonly index: number;
  readonly branch: string;
  readonly mode: string;
  /** The file itself, in the branch. */
  readonly file: string;
}

async function find(context: Context, path: string, options: Options): Promise<Found> {
  const { stack, inside } = await stackFor(context, path, options);
  await using union = await Union.open({ branches: stack, readOnly: true });
  const index = await union.which(inside);
  const branch = stack[index];
  if (branch === undefined) throw new AufsError('ERR_USAGE', `no branch has '${path}'`, { path });
  return { path, index, branch: branch.path, mode: branch.mode, file: join(branch.path, inside) };
}

async function stackFor(
  context: Context,
  path: string,
  { layer, branches }: Options,
): Promise<{ stack: readonly Branch[]; inside: string }> {
  if (layer !== undefined && branches !== undefined) {
    throw new AufsError('ERR_USAGE', 'which: --layer and --branches exclude each other', {
      hint: 'give one',
    });
  }
  if (branches !== undefined)
    return { stack: resolveBranches(branches.split(':').filter((p) => p !== '')), inside: path };
  if (layer === undefined) return stackOfMount(path);
  await using store = await context.openStore();
  return { stack: (await store.layer(layer)).branches(), inside: path };
}
