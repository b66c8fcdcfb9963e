// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, native, SystemError } from '../errors.ts';
import { mountContaining, readMounts } from '../mount/mountinfo.ts';
import { resolveTarget } from '../mount/resolve_target.ts';
import { type Branch, resolveBranches } from '../options.ts';
import { Union } from '../union.ts';
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
  const named = await namedStack(context, options);
  if (named === undefined) return askMount(path);
  await using union = await Union.open({ branches: named, readOnly: true });
  const index = await union.which(path);
  const branch = named[index];
  if (branch === undefined) throw new AufsError('ERR_USAGE', `no branch has '${path}'`, { path });
  return { path, index, branch: branch.path, mode: branch.mode, file: join(branch.path, path) };
}

/** The stack that the options name, if they do. */
async function namedStack(
  context: Context,
  { layer, branches }: Options,
): Promise<readonly Branch[] | undefined> {
  if (layer !== undefined && branches !== undefined) {
    throw new AufsError('ERR_USAGE', 'which: --layer and --branches exclude each other', {
      hint: 'give one',
    });
  }
  if (branches !== undefined) return resolveBranches(branches.split(':').filter((p) => p !== ''));
  if (layer === undefined) return undefined;
  await using store = await context.openStore();
  return (await store.layer(layer)).branches();
}

/** Every file of a mount answers which branch it is in: "INDEX MODE PATH". */
const BRANCH_ATTRIBUTE = 'aufs.branch';
/** What a file that is not of such a mount answers. */
const NO_ATTRIBUTE: ReadonlySet<string> = new Set(['ENODATA', 'EOPNOTSUPP', 'ENOTSUP']);

async function askMount(path: string): Promise<Found> {
  const absolute = await resolveTarget(path);
  const target = mountContaining(await readMounts(), absolute)?.target ?? '/';
  const inside = target === '/' ? absolute : absolute.slice(target.length);
  const answer = await native(binding().pathGetxattr(absolute, BRANCH_ATTRIBUTE), { path }).catch(
    (error: unknown) => {
      if (!(error instanceof SystemError) || !NO_ATTRIBUTE.has(error.code)) throw error;
      throw new AufsError('ERR_NOT_MOUNTED', `'${path}' is not inside a mount of node-aufs`, {
        hint: 'name the union with --layer or --branches',
        path,
      });
    },
  );
  const [, index = '', mode = '', branch = ''] = /^(\d+) (\S+) (.*)$/s.exec(answer.toString()) ?? [];
  return { path, index: Number(index), branch, mode, file: join(branch, inside) };
}
