// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';
import { mountDirectories } from '../mount/mount_directories.ts';
import { parseRemount } from '../mount/remount.ts';
import { mountedBranches } from '../mount.ts';
import type { LayerMountOptions } from '../store/index.ts';
import { asUsage } from './as_usage.ts';
import { type Context, print, type Verb } from './verb.ts';

interface Options {
  readonly o?: string[];
}

/** `node-aufs mount`: a layer of the store, or directories in AUFS's or overlayfs's own words. */
export const mount: Verb = (program, run) => {
  program
    .command('mount')
    .description('mount a layer on its mnt/ID, or directories on a target; prints nothing on success')
    .argument(
      '<layer | source target | target...>',
      'a layer of the store; with -o br=… or lowerdir=…: [SOURCE] TARGET',
    )
    .option('-o <options>', 'mount options, comma-separated (repeatable)', (text, before: string[] = []) => [
      ...before,
      text,
    ])
    .addHelpText(
      'after',
      [
        '',
        'Options after -o:',
        '  br=RW=rw:RO1=ro+wh:RO2=ro+wh       a branch stack, topmost first, as AUFS writes it',
        '  lowerdir=A:B,upperdir=C,workdir=D  the same as overlayfs writes it (workdir is not used)',
        '  ro, allow_other, nodirren, volatile, nonempty, threads=N, and those of mount(8)',
        '  background_copy_up=BYTES, nobackground_copy_up: whether large files are copied behind who changes them',
        '  nopassthrough, nodata_at_open      the kernel asks for all data, and for that of small lower files',
        '  nolist_ahead                       directories are read when they are listed, not before',
        '  noopen_ahead                       small files are read when they are opened, not before',
        '  nobtime                            files have no time of birth, for which Node asks with each first stat',
        '  chain_index=FILE                   knows the read-only branches from this file, made if need be',
        '  nouring                            requests do not come over io_uring where the kernel has that',
        '  nonear_caller                      threads of the server do not stay with a single busy caller',
        '  nopark_threads                     all threads of the server wait for requests, not as few as are enough',
        '  create=tdp|rr|mfs|…, cpup=tdp|bup|bu, udba=none|reval|notify, diropq=w|a, nodirperm1',
        '  remount,append:PATH=MODE           changes the branches of a mount, as AUFS does: append:, prepend:,',
        '                                     add:POSITION:PATH=MODE, del:PATH, mod:PATH=MODE',
        'For a layer: ro, rw, allow_other, nodirren, volatile, nochain_index.',
        'The mount stays until `node-aufs umount` or umount(8).',
      ].join('\n'),
    )
    .action((names: string[], { o = [] }: Options, command) =>
      run(command, (context) => {
        const options = o.join(',');
        if (isRemount(options)) return remount(names, options);
        return namesDirectories(options)
          ? mountTarget(context, names, options)
          : mountLayer(context, names, options);
      }),
    );
};

function isRemount(options: string): boolean {
  return /(^|,)remount(,|$)/.test(options);
}

/** What AUFS takes after `-o remount,`; see {@link parseRemount}. */
async function remount(names: readonly string[], options: string): Promise<void> {
  const [target, , ...others] = names.toReversed();
  if (target === undefined || others.length > 0)
    throw usage(`expected [SOURCE] TARGET, got ${names.length} words`);
  const branches = mountedBranches(target);
  for (const step of parseRemount(options)) await asUsage(step(branches));
}

/** True if the options bring the branches along. */
function namesDirectories(options: string): boolean {
  return /(^|,)(br[=:]|dirs[=:]|lowerdir\+?=|upperdir=)/.test(options);
}

async function mountTarget(context: Context, names: readonly string[], options: string): Promise<void> {
  const [target, source, ...others] = names.toReversed();
  if (target === undefined || others.length > 0)
    throw usage(`expected [SOURCE] TARGET, got ${names.length} words`);
  const mountpoint = await mountDirectories(source, target, options, context.signal);
  if (context.json) print(context, { target: mountpoint }, () => '');
}

async function mountLayer(context: Context, names: readonly string[], options: string): Promise<void> {
  const [id, ...others] = names;
  if (id === undefined || others.length > 0) {
    throw usage(
      'more than one word without -o br=… or lowerdir=…',
      'name one layer, or the branches after -o',
    );
  }
  await using store = await context.openStore();
  const layer = await store.layer(id);
  const mounted = await layer.mount({ ...layerOptions(options), persist: true, signal: context.signal });
  if (context.json)
    print(context, { id: layer.id, target: mounted.target, driver: mounted.driver }, () => '');
}

const LAYER_WORDS: Readonly<Record<string, LayerMountOptions>> = {
  ro: { readOnly: true },
  rw: { readOnly: false },
  allow_other: { allowOther: true },
  dirren: { dirren: true },
  nodirren: { dirren: false },
  volatile: { volatile: true },
  nochain_index: { chainIndex: false },
};

/** `ro,volatile`: what a layer is mounted with. */
export function layerOptions(options: string): LayerMountOptions {
  let all: LayerMountOptions = {};
  for (const word of options.split(',').filter((text) => text !== '')) {
    const meaning = LAYER_WORDS[word];
    if (meaning === undefined) {
      throw usage(`-o ${word} means nothing for a layer`, `it takes ${Object.keys(LAYER_WORDS).join(', ')}`);
    }
    all = { ...all, ...meaning };
  }
  return all;
}

function usage(message: string, hint = 'see node-aufs mount --help'): AufsError {
  return new AufsError('ERR_USAGE', `mount: ${message}`, { hint });
}
