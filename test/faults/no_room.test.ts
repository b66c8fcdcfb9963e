// SPDX-License-Identifier: MIT
// Writable branches with hardly any room left, or hardly any quota: an operation is done, or says why not and has done nothing.
import { existsSync } from 'node:fs';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type FileSystemKind, kinds, missingFor, newFileSystem } from '../helpers/file_system.ts';
import { canMount, has, run } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';
import { LOWER, OPERATIONS } from './operations.ts';
import { straceMissing } from './strace.ts';
import { Trial } from './trial.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
/** How much is left, in blocks. */
const BLOCKS = LONG ? [0, 1, 2, 3, 4, 5, 6, 7, 9, 12] : [0, 2, 6];
const BLOCK = 4096;

interface Limit {
  readonly title: string;
  readonly code: string;
  readonly kind: FileSystemKind;
  readonly programs?: readonly string[];
  /** @returns a directory of the file system `root` with a limit. */
  readonly limited: (root: string) => Promise<string>;
}

const LIMITS: readonly Limit[] = [
  {
    title: 'a full ext4',
    code: 'ENOSPC',
    kind: {
      ...kinds.ext4,
      mkfs: ['mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-m', '0', '-N', '512'],
      size: 4 << 20,
    },
    limited: async (root) => root,
  },
  {
    title: 'a quota of Btrfs',
    code: 'EDQUOT',
    kind: kinds.btrfs,
    programs: ['btrfs'],
    limited: async (root) => {
      const part = join(root, 'part');
      await run('btrfs', ['quota', 'enable', root]);
      await run('btrfs', ['subvolume', 'create', part]);
      await run('btrfs', ['qgroup', 'limit', '2M', part]);
      return part;
    },
  },
];

/** Fills the file system that `directory` is on, but for `left` bytes. */
async function fill(directory: string, left: number): Promise<void> {
  const spare = join(directory, 'spare');
  await writeFile(spare, Buffer.alloc(left, 'x'), { flush: true });
  const file = await open(join(directory, 'filler'), 'w');
  for (let size = 1 << 20; size >= 512; ) {
    const written = await file.write(Buffer.alloc(size, 'x')).then(
      () => true,
      () => false,
    );
    if (!written) size /= 2;
  }
  await file.close();
  await rm(spare);
  await run('sync', ['-f', directory]);
}

async function tryAll(t: ExecutionContext, limit: Limit): Promise<void> {
  t.timeout(600_000);
  const directory = await limit.limited(await newFileSystem(t, limit.kind));
  const filler = join(directory, 'filler');
  const trial = new Trial(await temporaryDirectory(t), LOWER, join(directory, 'rw'));
  t.teardown(() => trial.end());
  const faults: string[] = [];
  let refused = 0;
  const first = LIMITS.indexOf(limit);
  for (const [i, operation] of OPERATIONS.entries()) {
    if (!LONG && i % LIMITS.length !== first) continue;
    const wanted = await trial.rehearse(operation);
    for (const blocks of LONG ? BLOCKS : [BLOCKS[(i >> 1) % BLOCKS.length] as number]) {
      const wrong = await trial.spoilt(operation, wanted, limit.code, () => fill(directory, blocks * BLOCK));
      if (existsSync(filler)) await rm(filler);
      if (trial.refused) refused++;
      if (wrong !== undefined) faults.push(`${operation.title}, ${blocks} blocks left: ${wrong}`);
    }
  }
  t.deepEqual(faults, []);
  t.true(refused > 0, 'there was room for everything');
  t.log(`${refused} operations had no room`);
}

for (const limit of LIMITS) {
  const missing = [
    ...missingFor(limit.kind),
    ...(canMount ? [] : ['/dev/fuse']),
    ...[straceMissing() ?? []].flat(),
    ...(limit.programs ?? []).filter((program) => !has(program)),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(
    `${limit.title}: an operation is done whole or not at all${note}`,
    (t) => tryAll(t, limit),
  );
}
