// SPDX-License-Identifier: MIT
// Users without privileges and machines without this or that: as root, to be able to take things away.
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { canMount, has, isRoot, run } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const NOBODY = 65534;
const script = fileURLToPath(new URL('try_mount.ts', import.meta.url));
const asNobody = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];

const SLOWER = 'mounted lower+\npassthrough false, near caller false needs CAP_SYS_NICE\n';

/** Why these tests cannot run here, if so. */
function missing(): string | undefined {
  if (!isRoot) return 'needs root';
  if (!canMount) return 'needs /dev/fuse';
  if (!has('setpriv') || !has('unshare')) return 'needs setpriv and unshare';
  const readable = spawnSync('setpriv', [...asNobody, 'test', '-r', script]).status === 0;
  return readable ? undefined : 'needs a checkout that other users can read';
}

const why = missing();
const here = why === undefined ? test.serial : test.skip;
const note = why === undefined ? '' : ` (${why})`;

async function stage(t: ExecutionContext, owner: number): Promise<string> {
  const directory = await temporaryDirectory(t);
  for (const name of ['', 'rw', 'ro', 'mnt']) {
    await mkdir(join(directory, name), { recursive: true });
    chownSync(join(directory, name), owner, owner);
  }
  await writeFile(join(directory, 'ro/a'), 'lower');
  chownSync(join(directory, 'ro/a'), owner, owner);
  return directory;
}

/** What try_mount.ts says when it is run by `command`. */
async function tryMount(t: ExecutionContext, directory: string, command: readonly string[]): Promise<string> {
  // tsx keeps a cache where TMPDIR says, and another user cannot use root's.
  const tmp = join(directory, 'tmp');
  await mkdir(tmp);
  chownSync(tmp, NOBODY, NOBODY);
  t.teardown(() => rm(tmp, { recursive: true, force: true }));
  const [program = '', ...args] = [...command, process.execPath, '--import=tsx', script, directory];
  return (await run(program, args, { env: { ...process.env, HOME: directory, TMPDIR: tmp } })).stdout;
}

here(`an ordinary user mounts through fusermount3, without passthrough${note}`, async (t) => {
  const directory = await stage(t, NOBODY);
  t.is(await tryMount(t, directory, ['setpriv', ...asNobody]), SLOWER);
});

here(`without fusermount3 an ordinary user is told so${note}`, async (t) => {
  const directory = await stage(t, NOBODY);
  const said = await tryMount(t, directory, ['env', 'PATH=/nonexistent', '/usr/bin/setpriv', ...asNobody]);
  t.regex(said, /ERR_FUSERMOUNT: .*fuse3/);
  t.regex(said, /without a mount: lower\n/);
});

here(`without /dev/fuse one is told so, and Union works${note}`, async (t) => {
  const directory = await stage(t, 0);
  const hide = ['unshare', '-m', 'sh', '-c', 'mount --bind /dev/null /dev/fuse && exec "$@"', 'sh'];
  const said = await tryMount(t, directory, hide);
  t.regex(said, /ERR_FUSE_DEVICE: .*\/dev\/fuse/);
  t.regex(said, /without a mount: lower\n/);
});

here(`a closed /dev/fuse is told of, too${note}`, async (t) => {
  const directory = await stage(t, NOBODY);
  const close =
    'mount -t tmpfs none /mnt && mknod -m 600 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse && exec "$@"';
  const said = await tryMount(t, directory, [
    'unshare',
    '-m',
    'sh',
    '-c',
    close,
    'sh',
    'setpriv',
    ...asNobody,
  ]);
  t.regex(said, /ERR_FUSE_DEVICE|ERR_FUSERMOUNT/);
  t.regex(said, /without a mount: lower\n/);
});

here(`in a user namespace of one's own, without fusermount3${note}`, async (t) => {
  const directory = await stage(t, NOBODY);
  const command = ['setpriv', ...asNobody, 'unshare', '-Urm', 'env', 'PATH=/nonexistent'];
  t.is(await tryMount(t, directory, command), SLOWER);
});
