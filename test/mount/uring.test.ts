// SPDX-License-Identifier: MIT
// FUSE over io_uring: the kernel's switch for it is on while this file runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Mount } from '../../lib/mount.ts';
import { serverPath } from '../../lib/server_path.ts';
import { canSwitch, FUSE_URING, IO_URING_DISABLED, switchTo } from '../helpers/kernel_switch.ts';
import { alike, python } from '../helpers/mounted.ts';
import { nothingLeft, serverOf, startOwner, until } from '../helpers/server.ts';
import { canMount, has, isRoot, run, Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';

const WRAPPER = fileURLToPath(new URL('../helpers/server_with_options.sh', import.meta.url));

const why = !isRoot
  ? ' (needs root)'
  : !canMount
    ? ' (needs /dev/fuse)'
    : !canSwitch(FUSE_URING)
      ? ' (needs Linux 6.14 with FUSE over io_uring)'
      : has('python3')
        ? ''
        : ' (needs python3)';
const here = why === '' ? test.serial : test.skip;

if (why === '') {
  let putBack = () => {};
  test.before(() => {
    putBack = switchTo(FUSE_URING, 'Y');
  });
  test.after.always(() => putBack());
  // For mounts that others of these helpers make. All data comes through the server, not to leave any of it untested.
  process.env['AUFS_TEST_SERVER'] = serverPath();
  process.env['NODE_AUFS_SERVER'] = WRAPPER;
  process.env['AUFS_TEST_OPTIONS'] = 'uring,nopassthrough';
}

/** A mount that is served over io_uring, which it checks. */
async function mountOver(t: ExecutionContext, lower: Tree): Promise<{ stage: Stage; mounted: Mount }> {
  const stage = await Stage.create(t, {}, lower);
  const mounted = await stage.mount();
  const stats = await mounted.stats();
  t.is(stats.uringReason, '');
  t.true(stats.uring);
  return { stage, mounted };
}

const processors = availableParallelism();

here(`requests come over io_uring, and their number is told${why}`, async (t) => {
  const { stage, mounted } = await mountOver(t, { a: 'lower', d: { b: 'b' } });
  const before = (await mounted.stats()).uringRequests;
  for (let i = 0; i < 100; i++) await t.throwsAsync(stat(stage.at(`absent${i}`)), { code: 'ENOENT' });
  const made = (await mounted.stats()).uringRequests - before;
  t.true(made >= 100, `${made}`);
  await stage.unmount();
});

if (why === '') {
  alike(
    'what is done to files is as in a plain directory',
    {},
    `mkdir -p d/e; printf text > a; printf '%70000s' x > big; ln -s a s; ln a hard; chmod 640 a; printf b > d/e/b`,
    `
      cat a s d/e/b; stat -c '%n %s %a %h' a s big; echo more >> a; cat a hard; ls -1 . d d/e
      printf '%0300d' 1 > new; mv new d/moved; cat d/moved; rm big; mkdir x; rmdir x; rm s; ln -s nowhere s; readlink s
      truncate -s 5 a; cat a; chmod 600 d/moved; touch -d @1000000000 d/moved; stat -c '%Y %a' d/moved
      mv d d2; ls -R1; cp -a d2 d3; rm -r d2; mkfifo p; stat -c %F p; rmdir d3; cat absent; mkdir a
      python3 -c '
import os
os.setxattr("a", "user.x", b"v" * 1000); print(os.getxattr("a", "user.x"), os.listxattr("a"))
with open("a", "r+b") as f: f.seek(100); f.write(b"z"); f.flush(); os.fsync(f.fileno()); print(os.fstat(f.fileno()).st_size)
fd = os.open(".", os.O_RDONLY); os.fsync(fd); os.close(fd); print(os.statvfs(".").f_namemax > 200)
fd = os.open("hole", os.O_RDWR | os.O_CREAT); os.ftruncate(fd, 1 << 20); os.pwrite(fd, b"q", 1 << 19); print(os.lseek(fd, 0, os.SEEK_END))
'`,
  );
}

here(`large reads and writes are whole, buffered, direct and mapped${why}`, async (t) => {
  const size = 24 << 20;
  const { stage } = await mountOver(t, { low: 'x' });
  const made = await python(
    stage,
    `
import hashlib, mmap, os, random
data = random.Random(7).randbytes(${size})
def digest_of(name, flags=0):
    fd = os.open(name, os.O_RDONLY | flags)
    buffer = mmap.mmap(-1, 1 << 20); got = hashlib.sha256()
    while n := os.readv(fd, [buffer]): got.update(buffer[:n])
    os.close(fd); return got.hexdigest()
with open('w', 'wb') as f: f.write(data)
fd = os.open('direct', os.O_RDWR | os.O_CREAT | os.O_DIRECT)
buffer = mmap.mmap(-1, 4 << 20)
for at in range(0, ${size}, 4 << 20):
    buffer[:] = data[at:at + (4 << 20)]; os.pwrite(fd, buffer, at)
os.close(fd)
with open('mapped', 'w+b') as f:
    f.truncate(${size})
    with mmap.mmap(f.fileno(), ${size}) as m: m[:] = data; m.flush()
want = hashlib.sha256(data).hexdigest()
print([digest_of(n, d) == want for n in ('w', 'direct', 'mapped') for d in (0, os.O_DIRECT)])
print(len(os.listdir('.')))
`,
  );
  t.is(made, '[True, True, True, True, True, True]\n4\n');
  for (const name of ['w', 'direct', 'mapped']) t.is((await stat(join(stage.upper, name))).size, size);
  await stage.remount();
  t.is((await stat(stage.at('w'))).size, size);
  await stage.unmount();
});

here(`many callers at once, on all processors${why}`, async (t) => {
  const lower = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`l${i}`, `${i}`.repeat(500)]));
  const { stage, mounted } = await mountOver(t, lower);
  const made = await python(
    stage,
    `
import os, threading
wrong = []
def work(me):
    os.mkdir('d%d' % me)
    for i in range(60):
        name = 'd%d/f%d' % (me, i)
        with open(name, 'wb') as f: f.write(b'%d' % i * 300)
        if open(name, 'rb').read() != b'%d' % i * 300: wrong.append(name)
        k = (me * 7 + i) % 200
        if open('l%d' % k).read() != str(k) * 500: wrong.append(k)
        os.rename(name, name + '.x')
        if i % 2: os.unlink(name + '.x')
    if len(os.listdir('d%d' % me)) != 30: wrong.append(me)
threads = [threading.Thread(target=work, args=(i,)) for i in range(48)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
`,
  );
  t.is(made, '[]\n');
  t.true((await mounted.stats()).uringRequests > 48 * 60 * 4);
  await stage.unmount();
});

/** A union over another one whose server can be stopped: who opens a file of it then waits. */
async function overAnother(t: ExecutionContext): Promise<{ stage: Stage; server: Server; inner: number }> {
  const below = await Stage.create(t, {}, Object.fromEntries(names.map((name) => [name, name])));
  await below.mount({ uring: false });
  const inner = serverOf(below).worker;
  const stage = await Stage.create(t, { quick: 'quick' }, {});
  const branches = [stage.upper, below.target];
  const mounted = await stage.mount({ branches });
  t.teardown(() => process.kill(inner, 'SIGCONT'));
  t.true((await mounted.stats()).uring);
  await run('sh', ['-c', 'stat -c %s w* quick'], { cwd: stage.target });
  const server = serverOf(stage);
  process.kill(inner, 'SIGSTOP');
  return { stage, server, inner };
}
type Server = ReturnType<typeof serverOf>;
const names = Array.from({ length: 24 }, (_, i) => `w${i}`);

/** A process that asks for nothing but to read a file, on one processor. @returns it, and what it printed when it has ended. */
function readOn(processor: number, stage: Stage, name: string) {
  const script = `import os; os.sched_setaffinity(0, {${processor}}); print(open('${stage.at(name)}').read())`;
  const child = spawn('python3', ['-I', '-c', script], { cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (more) => {
    said += String(more);
  });
  return { child, ended: once(child, 'close').then(() => said.trim()) };
}

const isWaiting = (pid: number) => /^State:\s+[DS]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

here(`who waits does not keep others of the same processor waiting, and nobody is lost${why}`, async (t) => {
  t.timeout(60_000);
  const { stage, inner } = await overAnother(t);
  const one = readOn(0, stage, 'w0');
  t.true(await until(() => isWaiting(one.child.pid as number), 20_000));
  t.is(await readOn(0, stage, 'quick').ended, 'quick');
  // More than there are slots, one of whom gives up.
  const others = names.slice(1).map((name) => readOn(0, stage, name));
  t.true(await until(() => others.every(({ child }) => isWaiting(child.pid as number)), 20_000));
  await sleep(300);
  others[3]?.child.kill('SIGINT');
  await sleep(100);
  if (processors > 1) t.is(await readOn(1, stage, 'quick').ended, 'quick');
  process.kill(inner, 'SIGCONT');
  t.is(await one.ended, 'w0');
  const said = await Promise.all(others.map(({ ended }) => ended));
  t.deepEqual(
    said.filter((_, i) => i !== 3),
    names.slice(1).filter((_, i) => i !== 3),
  );
  t.is(await readOn(0, stage, 'quick').ended, 'quick');
  await stage.unmount();
});

for (const victim of ['worker', 'supervisor'] as const) {
  here(`a ${victim} killed with SIGKILL amid requests leaves nothing${why}`, async (t) => {
    t.timeout(60_000);
    const { stage, server, inner } = await overAnother(t);
    const waiting = names.slice(0, 12).map((name, i) => readOn(i % processors, stage, name));
    await sleep(300);
    process.kill(server[victim], 'SIGKILL');
    // A worker that waits in the branch itself ends when that answers.
    await sleep(100);
    process.kill(inner, 'SIGCONT');
    t.true(await nothingLeft(stage, 30_000));
    await Promise.all(waiting.map(({ ended }) => ended));
    t.pass();
  });
}

here(`an owner killed with SIGKILL leaves nothing${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const child = await startOwner(t, stage);
  const busy = spawn('sh', ['-c', 'while cat a && echo x > b; do :; done'], {
    cwd: stage.target,
    stdio: 'ignore',
  });
  const closed = once(busy, 'close');
  await sleep(200);
  child.kill('SIGKILL');
  t.true(await until(async () => (await readFile('/proc/mounts', 'utf8')).includes(stage.target) === false));
  await closed;
  t.true(await nothingLeft(stage));
});

for (const [title, end] of Object.entries({
  'SIGTERM ends the server and its mount': (stage: Stage) =>
    Promise.resolve(process.kill(serverOf(stage).supervisor, 'SIGTERM')),
  'umount(8) from outside ends the server': (stage: Stage) => run('umount', [stage.target]),
  'a connection that is aborted ends the server': (stage: Stage) => run('umount', ['-f', stage.target]),
})) {
  here(`${title}${why}`, async (t) => {
    const { stage } = await mountOver(t, { a: 'lower' });
    t.is(await readFile(stage.at('a'), 'utf8'), 'lower');
    await end(stage);
    t.true(await nothingLeft(stage));
  });
}

here(`a mount that is in use is served on after a lazy unmount${why}`, async (t) => {
  const { stage, mounted } = await mountOver(t, { a: 'lower', b: 'b' });
  const script = 'exec 3<a; echo ready; read go; cat b; ls';
  const user = spawn('sh', ['-c', script], { cwd: stage.target, stdio: 'pipe' });
  t.teardown(() => user.kill('SIGKILL'));
  await once(user.stdout, 'data');
  await mounted.unmount({ lazy: true });
  let said = '';
  user.stdout.on('data', (more) => {
    said += String(more);
  });
  user.stdin.end('go\n');
  await once(user, 'close');
  t.is(said, 'ba\nb\n');
  t.true(await nothingLeft(stage));
});

/** A mount that works over /dev/fuse, and says why. */
async function fallsBack(t: ExecutionContext, reason: RegExp): Promise<void> {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const mounted = await stage.mount();
  const stats = await mounted.stats();
  t.false(stats.uring);
  t.regex(stats.uringReason, reason);
  t.true(stats.threads >= 4);
  await writeFile(stage.at('b'), 'b');
  t.is(await readFile(stage.at('a'), 'utf8'), 'lower');
  t.is((await mounted.stats()).uringRequests, 0);
  await stage.unmount();
}

here(`where the kernel has it switched off requests come through /dev/fuse${why}`, async (t) => {
  const restore = switchTo(FUSE_URING, 'N');
  try {
    await fallsBack(t, /switched off .*enable_uring/);
  } finally {
    restore();
  }
});

const noSysctl = canSwitch(IO_URING_DISABLED) ? '' : ' (needs kernel.io_uring_disabled)';
(noSysctl === '' ? here : test.skip)(
  `where io_uring is forbidden requests come through /dev/fuse${why || noSysctl}`,
  async (t) => {
    const restore = switchTo(IO_URING_DISABLED, '2');
    try {
      await fallsBack(t, /forbidden/);
    } finally {
      restore();
    }
  },
);

here(
  `without room for its threads requests come through /dev/fuse, though it was agreed upon${why}`,
  async (t) => {
    t.timeout(120_000);
    const stage = await Stage.create(t, {}, { a: 'lower' });
    const program = process.env['AUFS_TEST_SERVER'];
    const server = join(stage.root, 'server.sh');
    process.env['NODE_AUFS_SERVER'] = server;
    t.teardown(() => {
      process.env['NODE_AUFS_SERVER'] = WRAPPER;
    });
    const reasons = new Set<string>();
    for (let mebibytes = 30; mebibytes <= 150; mebibytes += 10) {
      const script = `#!/bin/sh\nulimit -v ${mebibytes << 10}\nexec '${program}' "$@"\n`;
      await writeFile(server, script, { mode: 0o755 });
      const mounted = await stage.mount().catch(() => undefined);
      if (mounted === undefined) continue;
      reasons.add((await mounted.stats()).uringReason);
      t.is(await readFile(stage.at('a'), 'utf8'), 'lower', `${mebibytes} MiB`);
      await stage.unmount();
    }
    t.true(reasons.has('not enough threads for io_uring'), [...reasons].join(', '));
  },
);

here(`an option switches it off, and the last one counts${why}`, async (t) => {
  const stage = await Stage.create(t, {}, { a: 'lower' });
  const mounted = await stage.mount({ uring: false });
  t.is((await mounted.stats()).uringReason, 'switched off by an option');
  await stage.unmount();
});

here(`a switch that is turned off later leaves mounts alone${why}`, async (t) => {
  const { stage } = await mountOver(t, { a: 'lower' });
  const restore = switchTo(FUSE_URING, 'N');
  try {
    t.is(await readFile(stage.at('a'), 'utf8'), 'lower');
    await writeFile(stage.at('b'), 'b');
    await stage.unmount();
  } finally {
    restore();
  }
});
