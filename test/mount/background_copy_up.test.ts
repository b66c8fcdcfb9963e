// SPDX-License-Identifier: MIT
// Large lower files on a file system without reflink: they are copied behind who writes to them (decision 11).
import { existsSync, readdirSync } from 'node:fs';
import { link, open, readFile, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { begin, behind, fillUp, MiB, python, removeCopy, timed, why } from '../helpers/copying_behind.ts';
import { type Pick, seeded } from '../helpers/random.ts';
import { nothingLeft, serverOf } from '../helpers/server.ts';
import type { Stage } from '../helpers/stage.ts';

behind(`the first write returns at once, close waits${why}`, async (t) => {
  const size = 512 * MiB;
  const { stage, old, upper } = await begin(t, {
    size,
    room: 3 * size,
    options: { backgroundCopyUp: false },
  });
  const firstWrite = async (): Promise<{ first: number; all: number }> => {
    const file = await open(stage.at('big'), 'r+');
    const since = performance.now();
    const first = await timed(() => file.write('new', 1000));
    await file.close();
    return { first, all: performance.now() - since };
  };
  const full = await firstWrite();
  await stage.unmount();
  await removeCopy(upper);
  const tries: number[] = [];
  for (let i = 0; i < 3; i++) {
    await stage.mount();
    const { first } = await firstWrite();
    tries.push(first);
    t.true(existsSync(upper), 'it has its name when close(2) returns');
    await stage.unmount();
    old.write('new', 1000);
    t.true((await readFile(upper)).equals(old));
    await removeCopy(upper);
  }
  t.log(`${full.first.toFixed(0)} ms for the whole, then ${tries.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  t.true(Math.min(...tries) < full.first / 20, `${tries} ms of ${full.first} ms`);
});

/** One random step on the file and on its model. */
async function step(
  t: ExecutionContext,
  pick: Pick,
  file: Awaited<ReturnType<typeof open>>,
  model: Buffer[],
) {
  const [bytes = Buffer.alloc(0)] = model;
  const at = pick(bytes.length);
  const length = 1 + pick(pick(2) === 0 ? 200 : 300_000);
  switch (pick(4)) {
    case 0: {
      const data = Buffer.alloc(length, `${at} `);
      await file.write(data, 0, length, at);
      const end = Math.max(bytes.length, at + length);
      model[0] = end > bytes.length ? Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]) : bytes;
      data.copy(model[0] as Buffer, at);
      return;
    }
    case 1: {
      const { size, mtimeMs, ctimeMs } = await file.stat();
      t.is(size, bytes.length);
      t.true(Math.abs(Date.now() - mtimeMs) < 60_000 && ctimeMs >= mtimeMs);
      return;
    }
    default: {
      const got = Buffer.alloc(length);
      const { bytesRead } = await file.read(got, 0, length, at);
      if (!got.subarray(0, bytesRead).equals(bytes.subarray(at, at + length)))
        t.fail(`${length} bytes at ${at} are wrong`);
    }
  }
}

for (const seed of [1, 2, 3]) {
  behind(`random reads and writes through several descriptors, seed ${seed}${why}`, async (t) => {
    const { stage, old, upper } = await begin(t, { size: 96 * MiB, options: { volatile: seed === 2 } });
    const pick = seeded(seed);
    const model = [old];
    const files = [await open(stage.at('big'), 'r+'), await open(stage.at('big'), 'r+')];
    await files[0]?.write('first', 77);
    old.write('first', 77);
    for (let i = 0; i < 300; i++)
      await step(t, pick, files[pick(2)] as Awaited<ReturnType<typeof open>>, model);
    for (const file of files) await file.close();
    t.true((await readFile(upper)).equals(model[0] as Buffer), 'in the branch');
    t.true((await readFile(stage.at('big'))).equals(model[0] as Buffer), 'in the mount');
    const shown = await stat(stage.at('big'));
    const stored = await stat(upper);
    t.deepEqual(
      [shown.mtimeMs, shown.ctimeMs, shown.blocks],
      [stored.mtimeMs, stored.ctimeMs, stored.blocks],
    );
  });
}

behind(`two processes write, a third has it mapped${why}`, async (t) => {
  const { stage, old, upper } = await begin(t);
  const half = old.length / 2;
  const writer = (start: number, letter: string) =>
    python(
      stage,
      `fd = os.open('big', os.O_RDWR)\nfor i in range(200): os.pwrite(fd, b'${letter}' * 50, ${start} + i * 100003)\nos.close(fd)`,
    );
  const reader = python(
    stage,
    `import time
fd = os.open('big', os.O_RDONLY)
view = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
assert view[0:5] == ${pythonBytes(old.subarray(0, 5))}
end = time.time() + 30
while view[${half}:${half} + 3] != b'bbb' and time.time() < end: time.sleep(0.01)
assert view[${half}:${half} + 3] == b'bbb'
assert view[${half} - 2000:${half} - 1995] == ${pythonBytes(old.subarray(half - 2000, half - 1995))}`,
  );
  await Promise.all([writer(7, 'a'), writer(half, 'b'), reader]);
  for (const [start, letter] of [
    [7, 'a'],
    [half, 'b'],
  ] as const)
    for (let i = 0; i < 200; i++) old.fill(letter, start + i * 100_003, start + i * 100_003 + 50);
  t.true((await readFile(upper)).equals(old));
});

function pythonBytes(bytes: Buffer): string {
  return `bytes.fromhex('${bytes.toString('hex')}')`;
}

behind(`a mapping that is written, after its descriptor is closed${why}`, async (t) => {
  const { stage, old, upper } = await begin(t);
  await python(
    stage,
    `fd = os.open('big', os.O_RDWR)
view = mmap.mmap(fd, 0)
view[100:103] = b'one'
os.close(fd)
view[5000:5003] = b'two'
view.flush()
view[9000:9005] = b'three'
view.close()`,
  );
  await stage.unmount();
  for (const [at, text] of [
    [100, 'one'],
    [5000, 'two'],
    [9000, 'three'],
  ] as const)
    old.write(text, at);
  t.true((await readFile(upper)).equals(old));
});

/** What is done to the file while it is being copied, and what it is then. */
const MEANWHILE: Readonly<
  Record<string, { run: (stage: Stage) => Promise<unknown>; path?: string; change?: (old: Buffer) => Buffer }>
> = {
  chmod: { run: (stage) => python(stage, "os.chmod('big', 0o600)") },
  utimens: { run: (stage) => python(stage, "os.utime('big', (5, 6)); assert os.stat('big').st_mtime == 6") },
  setxattr: { run: (stage) => python(stage, "os.setxattr('big', 'user.a', b'b')") },
  rename: { run: (stage) => rename(stage.at('big'), stage.at('new')), path: 'new' },
  'rename over it': {
    run: async (stage) => {
      await writeFile(stage.at('other'), 'other');
      await rename(stage.at('other'), stage.at('big'));
    },
    change: () => Buffer.from('other'),
  },
  link: { run: (stage) => link(stage.at('big'), stage.at('new')), path: 'new' },
  truncate: { run: (stage) => truncate(stage.at('big'), 70_000), change: (old) => old.subarray(0, 70_000) },
  'O_TRUNC by another': {
    run: (stage) => writeFile(stage.at('big'), 'other'),
    change: () => Buffer.from('other'),
  },
  fallocate: {
    run: (stage) => python(stage, "fd = os.open('big', os.O_RDWR)\nos.posix_fallocate(fd, 0, 100)"),
  },
  'copy_file_range from it': {
    run: (stage) =>
      python(
        stage,
        "a = os.open('big', os.O_RDONLY)\nb = os.open('new', os.O_RDWR | os.O_CREAT)\nassert os.copy_file_range(a, b, 50000) == 50000",
      ),
    path: 'new',
    change: (old) => old.subarray(0, 50_000),
  },
  O_DIRECT: {
    run: (stage) =>
      python(
        stage,
        "fd = os.open('big', os.O_RDWR | os.O_DIRECT)\npage = mmap.mmap(-1, 4096)\npage.write(b'd' * 4096)\nos.pwritev(fd, [page], 40960)\nassert os.preadv(fd, [page], 40960) == 4096 and page[0:3] == b'ddd'",
      ),
    change: (old) => Buffer.from(old).fill('d', 40_960, 45_056),
  },
  fsync: {
    run: async (stage) => {
      await python(stage, "fd = os.open('big', os.O_RDONLY)\nos.fsync(fd)");
      if (!existsSync(join(stage.upper, 'big'))) throw new Error('fsync(2) has not waited');
    },
  },
};

for (const [title, { run, path = 'big', change = (old: Buffer) => old }] of Object.entries(MEANWHILE)) {
  behind(`while a file is copied: ${title}${why}`, async (t) => {
    const { stage, old, upper } = await begin(t);
    const reader = await open(stage.at('big'), 'r');
    const file = await open(stage.at('big'), 'r+');
    await file.write('new', 1000);
    old.write('new', 1000);
    t.false(existsSync(upper), 'it is still being copied');
    await run(stage);
    const { buffer } = await reader.read(Buffer.alloc(3), 0, 3, 1000);
    const wanted = change(old);
    if (path === 'big' && wanted.length >= old.length) t.is(buffer.toString(), 'new');
    await reader.close();
    await file.close();
    t.true((await readFile(stage.at(path))).equals(wanted));
    t.true((await readFile(join(stage.upper, path))).equals(wanted));
    await stage.remount();
    t.true((await readFile(stage.at(path))).equals(wanted), 'mounted again');
  });
}

behind(`while a file is copied: unlink${why}`, async (t) => {
  const { stage, old, upper } = await begin(t);
  const file = await open(stage.at('big'), 'r+');
  await file.write('new', 1000);
  await unlink(stage.at('big'));
  await file.write('more', old.length - 2);
  const { buffer } = await file.read(Buffer.alloc(6), 0, 6, 999);
  t.is(buffer.toString('latin1', 1, 4), 'new');
  t.is((await file.stat()).size, old.length + 2);
  t.is((await file.stat()).nlink, 0);
  await file.close();
  await stage.unmount();
  t.false(existsSync(upper));
  t.deepEqual(
    readdirSync(stage.upper).sort(),
    ['.wh..wh.aufs', '.wh..wh.orph', '.wh.big'].filter((name) => existsSync(join(stage.upper, name))),
  );
});

behind(`SIGKILL while a file is copied leaves the old one${why}`, async (t) => {
  const { stage, old, upper } = await begin(t, { size: 128 * MiB });
  const file = await open(stage.at('big'), 'r+');
  await file.write('new', 1000);
  process.kill(serverOf(stage).worker, 'SIGKILL');
  t.true(await nothingLeft(stage));
  await file.close().catch(() => {});
  t.false(existsSync(upper));
  await stage.mount();
  t.true((await readFile(stage.at('big'))).equals(old));
  t.deepEqual(
    readdirSync(stage.upper, { recursive: true }).filter(
      (name) => name !== '.wh..wh.aufs' && name !== '.wh..wh.orph',
    ),
    [],
  );
});

behind(`SIGTERM while a file is copied waits for it${why}`, async (t) => {
  const { stage, old, upper } = await begin(t);
  const file = await open(stage.at('big'), 'r+');
  await file.write('new', 1000);
  old.write('new', 1000);
  process.kill(serverOf(stage).supervisor, 'SIGTERM');
  t.true(await nothingLeft(stage, 30_000));
  await file.close().catch(() => {});
  t.true((await readFile(upper)).equals(old));
});

behind(`a full disk shows at the first write, and not later${why}`, async (t) => {
  const size = 64 * MiB;
  const { stage, old, upper } = await begin(t, { size, room: 2.5 * size });
  const fill = () => fillUp(stage.root);
  const file = await open(stage.at('big'), 'r+');
  await file.write('new', 1000);
  await t.throwsAsync(fill(), { code: 'ENOSPC' });
  await file.write('new', 2000);
  await file.close();
  old.write('new', 1000);
  old.write('new', 2000);
  t.true((await readFile(upper)).equals(old));
  await stage.unmount();
  await unlink(upper);
  await t.throwsAsync(fill(), { code: 'ENOSPC' });
  await stage.mount();
  const again = await open(stage.at('big'), 'r+');
  await t.throwsAsync(again.write('new', 1000), { code: 'ENOSPC' });
  await again.close();
  t.false(existsSync(upper));
});

behind(`a sparse file keeps its holes, and tells of them${why}`, async (t) => {
  const { stage, upper } = await begin(t, { size: 16 * MiB, room: 512 * MiB });
  await stage.unmount();
  const lower = await open(join(stage.lowers[0] as string, 'sparse'), 'w');
  const data = Buffer.alloc(32 * MiB, 'data');
  await lower.write(data, 0, data.length, 1024 * MiB);
  await lower.write(data, 0, data.length, 2048 * MiB);
  await lower.close();
  await stage.mount();
  await python(
    stage,
    `M = 1 << 20
fd = os.open('sparse', os.O_RDWR)
os.pwrite(fd, b'x', 5 * M)
for i in range(3):
    assert os.lseek(fd, 0, os.SEEK_DATA) == 5 * M
    assert os.lseek(fd, 6 * M, os.SEEK_DATA) == 1024 * M
    assert os.lseek(fd, 1024 * M, os.SEEK_HOLE) == 1056 * M
    assert os.lseek(fd, 2050 * M, os.SEEK_HOLE) == 2080 * M
    assert os.pread(fd, 4, 1056 * M - 4) == b'data' and os.pread(fd, 2, 1056 * M) == bytes(2)
    if i == 1: os.fsync(fd)
os.close(fd)`,
  );
  const { size, blocks } = await stat(join(stage.upper, 'sparse'));
  t.is(size, 2080 * MiB);
  t.true(blocks * 512 < 66 * MiB);
  t.false(existsSync(upper));
});
