// SPDX-License-Identifier: MIT
// Attributes of large lower files on a file system without reflink: changing them does not wait for the copy (decision 11).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  begin,
  beginHeld,
  behind,
  fillUp,
  type Held,
  MiB,
  python,
  removeCopy,
  timed,
  why,
} from '../helpers/copying_behind.ts';
import { nothingLeft, serverOf, until } from '../helpers/server.ts';
import type { Stage } from '../helpers/stage.ts';

behind(`chmod of a large file returns at once${why}`, async (t) => {
  const size = 256 * MiB;
  const { stage, old, upper } = await begin(t, {
    size,
    room: 3 * size,
    options: { backgroundCopyUp: false },
  });
  const whole = await timed(() => chmod(stage.at('big'), 0o600));
  await stage.unmount();
  const tries: number[] = [];
  for (let i = 0; i < 3; i++) {
    await removeCopy(upper);
    await stage.mount();
    tries.push(await timed(() => chmod(stage.at('big'), 0o600)));
    t.false(existsSync(upper));
    await stage.unmount();
    t.is((await stat(upper)).mode & 0o7777, 0o600);
  }
  t.true((await readFile(upper)).equals(old));
  t.log(`${whole.toFixed(0)} ms for the whole, then ${tries.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  t.true(Math.min(...tries) < whole / 20, `${tries} ms of ${whole} ms`);
});

const ACL = '0200000001000600ffffffff020004000100000004000400ffffffff10000400ffffffff20000000ffffffff';
const SET_TIMES = 'os.utime(p, ns=(5000000006, 7000000008))';

/** Python that changes the file `p`. */
const CALLS: Readonly<Record<string, string>> = {
  chmod: 'os.chmod(p, 0o600)',
  chown: 'os.chown(p, 1, 2)',
  utimens: SET_TIMES,
  setxattr: "os.setxattr(p, 'user.new', b'value')",
  removexattr: "os.removexattr(p, 'user.old')",
  acl: `os.setxattr(p, 'system.posix_acl_access', bytes.fromhex('${ACL}'))`,
  fchmod: 'fd = os.open(p, os.O_RDONLY); os.fchmod(fd, 0o640); os.close(fd)',
  several: `os.chown(p, 3, 4); os.chmod(p, 0o666); os.setxattr(p, 'user.old', b'other'); ${SET_TIMES}`,
};
const NAMES = Object.keys(CALLS).flatMap((call) => [`fresh-${call}`, `written-${call}`]);
const SMALL = 2 * MiB;

/** What is seen of each file, times of change left out. */
type Looks = Record<string, { mtime: string; [field: string]: unknown }>;

async function look(where: Stage | string): Promise<Looks> {
  const script = `import json
def look(p):
    st = os.stat(p)
    return {'mode': st.st_mode, 'uid': st.st_uid, 'gid': st.st_gid, 'size': st.st_size, 'nlink': st.st_nlink,
            'mtime': str(st.st_mtime_ns), 'xattr': {n: os.getxattr(p, n).hex() for n in sorted(os.listxattr(p))}}
print(json.dumps({p: look(p) for p in ${JSON.stringify(NAMES)}}))`;
  return JSON.parse(await python(where, script)) as Looks;
}

/** Small files with attributes to be changed, in the lower branch and in the directory `plain`. */
async function makeFiles(lower: string, root: string): Promise<void> {
  const plain = join(root, 'plain');
  await mkdir(plain);
  for (const name of NAMES) await writeFile(join(lower, name), Buffer.alloc(SMALL, name), { flush: true });
  for (const name of NAMES) await copyFile(join(lower, name), join(plain, name));
  for (const where of [lower, plain]) {
    await python(
      where,
      `for p in ${JSON.stringify(NAMES)}: os.chmod(p, 0o644); os.setxattr(p, 'user.old', b'lower'); os.utime(p, (1000, 2000))`,
    );
  }
}

/**
 * Writes to some of the files and changes all. A process of its own has them open: the child of one that has would close them.
 *
 * @returns what ends it, and closes them.
 */
async function changeAll(t: ExecutionContext, cwd: string): Promise<() => Promise<unknown>> {
  const calls = NAMES.map((name) => `p = '${name}'\n${CALLS[name.replace(/^.*-/, '')]}`);
  const script = `import os, sys
files = [os.open(p, os.O_RDWR) for p in ${JSON.stringify(NAMES)} if p.startswith('written')]
for file in files: os.pwrite(file, b'new', 1000)
${calls.join('\n')}
os.write(1, b'done')
sys.stdin.read()`;
  const child = spawn('python3', ['-c', script], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = await once(child.stdout, 'data');
  t.is(String(said), 'done');
  return async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  };
}

/** The time of a file that was written last is not the same in two places. */
function comparable(looks: Looks): Looks {
  const entries = Object.entries(looks).map(([name, seen]) => {
    const written = name.startsWith('written') && !CALLS[name.replace(/^.*-/, '')]?.includes('utime');
    return [name, written ? { ...seen, mtime: '' } : seen] as const;
  });
  return Object.fromEntries(entries);
}

type End = (held: Held, t: ExecutionContext, closeAll: () => Promise<unknown>) => Promise<boolean>;

/** How it ends while everything is still being copied: true if the changes are kept. Another mount of it is there afterwards. */
const ENDS: Readonly<Record<string, End>> = {
  fsync: async ({ stage, release, options }) => {
    await python(
      stage,
      `for p in ${JSON.stringify(NAMES)}: fd = os.open(p, os.O_RDONLY); os.fsync(fd); os.close(fd)`,
    );
    for (const name of NAMES) if (!existsSync(join(stage.upper, name))) return false;
    process.kill(serverOf(stage).worker, 'SIGKILL');
    release();
    await stage.unmount();
    await stage.mount(options);
    return true;
  },
  unmount: async ({ stage, release, options }, _, closeAll) => {
    await closeAll();
    const again = stage.remount(options);
    release();
    await again;
    return true;
  },
  SIGTERM: async ({ stage, release, options }, t) => {
    process.kill(serverOf(stage).supervisor, 'SIGTERM');
    release();
    t.true(await nothingLeft(stage, 30_000));
    await stage.mount(options);
    return true;
  },
  SIGKILL: async ({ stage, release, options }, t) => {
    process.kill(serverOf(stage).worker, 'SIGKILL');
    t.true(await nothingLeft(stage));
    release();
    t.false(existsSync(join(stage.upper, 'fresh-chmod')));
    await stage.mount(options);
    return false;
  },
};

for (const [title, end] of Object.entries(ENDS)) {
  behind(`every change of attributes is seen at once, then ${title}${why}`, async (t) => {
    const held = await beginHeld(t, makeFiles);
    const { stage } = held;
    const plain = join(stage.root, 'plain');
    const [lower = ''] = stage.lowers;
    await (await changeAll(t, plain))();
    const old = await look(lower);
    const close = await changeAll(t, stage.target);
    const seen = await look(stage);
    t.deepEqual(comparable(seen), comparable(await look(plain)));
    t.deepEqual(
      readdirSync(stage.upper).filter((name) => !name.startsWith('.wh.')),
      ['row'],
      'all are still being copied',
    );
    const kept = await end(held, t, close);
    await close();
    t.is(kept, title !== 'SIGKILL');
    t.deepEqual(await look(stage), kept ? seen : old);
    if (kept) t.deepEqual(await look(stage.upper), seen);
    t.deepEqual(await look(lower), old);
    for (const name of NAMES) {
      const wanted = Buffer.alloc(SMALL, name);
      if (kept && name.startsWith('written')) wanted.write('new', 1000);
      t.true((await readFile(stage.at(name))).equals(wanted), name);
    }
  });
}

behind(`who may do what is another matter at once${why}`, async (t) => {
  const { stage, upper, release, options } = await beginHeld(t);
  await python(
    stage,
    `def may_read():
    child = os.fork()
    if child == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        try: os.close(os.open('big', os.O_RDONLY))
        except PermissionError: os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
assert may_read()
os.chmod('big', 0o600)
assert not may_read()
os.setxattr('big', 'system.posix_acl_access', bytes.fromhex('${ACL.replace('0200040001000000', '02000400feff0000')}'))
assert may_read()
os.removexattr('big', 'system.posix_acl_access')
os.chmod('big', 0o600)
assert not may_read()
os.chown('big', 65534, 65534)
assert may_read()
assert os.stat('big').st_uid == 65534`,
  );
  t.false(existsSync(upper), 'it is still being copied');
  const again = stage.remount(options);
  release();
  await again;
  const { uid, mode } = await stat(upper);
  t.deepEqual([uid, mode & 0o7777], [65_534, 0o600]);
});

behind(`a caller that is killed has changed the file, or not${why}`, async (t) => {
  const { stage, old, upper } = await begin(t);
  await t.throwsAsync(
    python(
      stage,
      "fd = os.open('big', os.O_RDWR)\nos.pwrite(fd, b'new', 1000)\nos.fchmod(fd, 0o600)\nos.kill(os.getpid(), 9)",
    ),
  );
  await t.throwsAsync(python(stage, "os.utime('big', (5, 6))\nos.kill(os.getpid(), 9)"));
  t.is((await stat(stage.at('big'))).mtimeMs, 6000);
  await stage.unmount();
  const { mode, mtimeMs } = await stat(upper);
  t.deepEqual([mode & 0o7777, mtimeMs], [0o600, 6000]);
  old.write('new', 1000);
  t.true((await readFile(upper)).equals(old));
});

behind(`an unlinked file keeps its attributes for who has it, and is not copied${why}`, async (t) => {
  const { stage, upper } = await begin(t);
  await python(
    stage,
    `import time
fd = os.open('big', os.O_PATH)
os.chmod('big', 0o600)
os.unlink('big')
for i in range(10):
    assert os.fstat(fd).st_mode & 0o7777 == 0o600 and os.fstat(fd).st_nlink == 0
    time.sleep(0.05)`,
  );
  await stage.remount();
  t.false(existsSync(upper));
  t.false(existsSync(stage.at('big')));
});

behind(`a file whose attributes were changed is renamed whole${why}`, async (t) => {
  const { stage, old, upper } = await begin(t);
  await chmod(stage.at('big'), 0o600);
  await rename(stage.at('big'), stage.at('new'));
  t.is((await stat(stage.at('new'))).mode & 0o7777, 0o600);
  t.is((await stat(join(stage.upper, 'new'))).mode & 0o7777, 0o600);
  t.true((await readFile(stage.at('new'))).equals(old));
  t.false(existsSync(upper));
});

behind(`nobody has to come back for the copy to end${why}`, async (t) => {
  const { stage, upper } = await begin(t);
  await chmod(stage.at('big'), 0o600);
  t.true(await until(() => existsSync(upper), 30_000));
  const stored = await stat(upper);
  const shown = await stat(stage.at('big'));
  t.deepEqual(
    [shown.mode, shown.mtimeMs, shown.ctimeMs, shown.blocks],
    [stored.mode, stored.mtimeMs, stored.ctimeMs, stored.blocks],
  );
});

behind(`a full disk shows at the change, and not later${why}`, async (t) => {
  const size = 64 * MiB;
  const { stage, old, upper } = await begin(t, { size, room: 2.5 * size });
  const fill = () => fillUp(stage.root);
  await chmod(stage.at('big'), 0o600);
  await t.throwsAsync(fill(), { code: 'ENOSPC' });
  await chmod(stage.at('big'), 0o640);
  await stage.unmount();
  t.is((await stat(upper)).mode & 0o7777, 0o640);
  t.true((await readFile(upper)).equals(old));
  await unlink(upper);
  await t.throwsAsync(fill(), { code: 'ENOSPC' });
  await stage.mount();
  const before = await stat(stage.at('big'));
  await t.throwsAsync(chmod(stage.at('big'), 0o600), { code: 'ENOSPC' });
  await t.throwsAsync(python(stage, "os.utime('big', (5, 6))"), { message: /No space left/ });
  t.is((await stat(stage.at('big'))).mode, before.mode);
  t.is((await stat(stage.at('big'))).mtimeMs, before.mtimeMs);
  t.false(existsSync(upper));
});

behind(`what cannot be copied is told when it is unmounted${why}`, async (t) => {
  const { stage, upper } = await begin(t);
  const before = await stat(stage.at('big'));
  // The name cannot be had: something takes it behind the union.
  await writeFile(upper, 'theirs');
  await chmod(stage.at('big'), 0o600);
  t.is((await stat(stage.at('big'))).mode & 0o7777, 0o600);
  const error = await t.throwsAsync(stage.remount(), { message: /copy_up/ });
  t.regex((error as NodeJS.ErrnoException).code ?? '', /^(EEXIST|ESTALE)$/);
  t.true(await nothingLeft(stage));
  t.is(await readFile(upper, 'utf8'), 'theirs');
  await unlink(upper);
  await stage.mount();
  t.is((await stat(stage.at('big'))).mode, before.mode);
});
