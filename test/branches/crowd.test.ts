// SPDX-License-Identifier: MIT
// The stack changes under many processes, under mappings, and when it is as deep as it gets.
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { canMount, has } from '../helpers/stage.ts';
import { Rig } from './rig.ts';

const run = promisify(execFile);
const able = canMount && has('python3');
const here = able ? test.serial : test.skip;
const why = able ? '' : ' (needs /dev/fuse, python3)';

const WORKERS = 8;
const DEEP = 500;

/** Works in a directory of its own until the file `stop` is there; every answer must be what it is without the others. */
const WORKER = `
import os, sys
me = sys.argv[1]; rounds = 0
os.chdir('d' + me)
while not os.path.exists('../stop'):
    n = str(rounds); rounds += 1
    assert open('lower').read() == 'lower ' + me + 'x' * min(rounds - 1, 50), 'lower'
    if rounds <= 50: open('lower', 'a').write('x')
    with open('new' + n, 'w') as f: f.write(n * 100)
    os.rename('new' + n, 'kept'); assert open('kept').read() == n * 100
    os.mkdir('sub'); os.link('kept', 'sub/link'); os.rename('sub', 'moved'); assert os.listdir('moved') == ['link']
    os.unlink('moved/link'); os.rmdir('moved')
    assert sorted(os.listdir('.')) == ['kept', 'lower'], os.listdir('.')
    assert open('../common').read() == 'common'
print(rounds)
`;

here(`${WORKERS} processes work on while branches come, go and change${why}`, async (t) => {
  t.timeout(120_000);
  const tree: Record<string, Record<string, string>> = {};
  for (let i = 0; i < WORKERS; i++) tree[`d${i}`] = { lower: `lower ${i}` };
  const rig = await Rig.create(t, {
    rw: { mode: 'rw' },
    ro: { mode: 'ro+wh', tree: { ...tree, common: 'common' } },
    above: { tree: { above: '1', deep: { a: '2' } } },
    below: { tree: { common: 'hidden', below: '3', d0: {} } },
  });
  const mounted = await rig.mount();
  const workers = Array.from({ length: WORKERS }, (_, i) =>
    run('python3', ['-c', WORKER, String(i)], { cwd: rig.target }),
  );
  for (const { child } of workers) t.teardown(() => child.kill('SIGKILL'));
  const names = async (name: string): Promise<string> =>
    (await readFile(rig.at(name), 'utf8').catch((error: NodeJS.ErrnoException) => error.code)) ?? '';
  for (let round = 0; round < 25; round++) {
    await mounted.branches.insert(1, { path: rig.path('above'), mode: 'ro+wh' });
    await mounted.branches.add({ path: rig.path('below'), mode: 'ro' });
    t.deepEqual([await names('above'), await names('below'), await names('common')], ['1', '3', 'common']);
    await mounted.branches.modify(rig.path('below'), 'ro+wh');
    await mounted.branches.remove(rig.path('above'));
    await mounted.branches.remove(rig.path('below'));
    t.deepEqual([await names('above'), await names('below')], ['ENOENT', 'ENOENT']);
    await sleep(20);
  }
  await writeFile(rig.at('stop'), '');
  const rounds = (await Promise.all(workers)).map(({ stdout }) => Number(stdout));
  t.true(
    rounds.every((count) => count > 0),
    String(rounds),
  );
  t.log('rounds:', rounds.join(' '));
});

/** Prints what mappings of `low` (from below) and `up` (in the writable branch) show, before and after a line is read. */
const MAPPER = `
import mmap, os, sys
fds = [os.open(p, f) for p, f in (('low', os.O_RDONLY), ('up', os.O_RDWR))]
low = mmap.mmap(fds[0], 3, prot=mmap.PROT_READ); up = mmap.mmap(fds[1], 3)
for fd in fds: os.close(fd)
def show(): print(low[:].decode(), up[:].decode(), open('low').read(), open('up').read(), flush=True)
show(); sys.stdin.readline(); show()
up[:] = b'NEW'; up.flush(); show(); sys.stdin.readline(); show()
`;

here(
  `mappings stay what they are when a branch with the same names comes above them, and goes${why}`,
  async (t) => {
    const rig = await Rig.create(t, {
      rw: { mode: 'rw', tree: { up: 'upp' } },
      ro: { mode: 'ro+wh', tree: { low: 'low' } },
      above: { tree: { low: 'LOW', up: 'UPP' } },
    });
    const mounted = await rig.mount();
    const child = execFile('python3', ['-c', MAPPER], { cwd: rig.target });
    t.teardown(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
    const shown: string[] = [];
    const hear = async (): Promise<void> => {
      shown.push(String((await lines.next()).value));
    };
    await hear();
    await mounted.branches.insert(0, { path: rig.path('above'), mode: 'ro+wh' });
    child.stdin?.write('\n');
    await hear();
    await hear();
    await mounted.branches.remove(rig.path('above'));
    child.stdin?.write('\n');
    await hear();
    t.deepEqual(shown, ['low upp low upp', 'low upp LOW UPP', 'low NEW LOW UPP', 'low NEW low NEW']);
    t.is(await readFile(rig.path('rw', 'up'), 'utf8'), 'NEW');
  },
);

here(`a stack grows to ${DEEP} branches and shrinks again while it is in use${why}`, async (t) => {
  t.timeout(120_000);
  const rig = await Rig.create(t, {
    rw: { mode: 'rw', tree: { held: 'held' } },
    ro: { mode: 'ro+wh', tree: { d: { base: 'b' } } },
  });
  const mounted = await rig.mount();
  const paths = Array.from({ length: DEEP - 2 }, (_, i) => rig.path(`b${i}`));
  for (const [i, path] of paths.entries()) {
    await mkdir(join(path, 'd'), { recursive: true });
    await writeFile(join(path, 'd', `f${i}`), String(i));
    await writeFile(join(path, 'd', 'all'), String(i));
  }
  for (const [i, path] of paths.entries()) {
    await mounted.branches.insert(1, { path, mode: 'ro+wh' });
    if (i % 100 === 0) t.is(await readFile(rig.at('d', 'all'), 'utf8'), String(i));
  }
  t.is((await mounted.branches.list()).length, DEEP);
  t.is(await readFile(rig.at('d', 'f0'), 'utf8'), '0');
  await writeFile(rig.at('d', 'f7'), 'copied');
  for (const path of paths) await mounted.branches.remove(path);
  t.deepEqual(
    (await mounted.branches.list()).map(({ path }) => path),
    [rig.path('rw'), rig.path('ro')],
  );
  t.is(await readFile(rig.at('d', 'f7'), 'utf8'), 'copied');
  await t.throwsAsync(readFile(rig.at('d', 'all')), { code: 'ENOENT' });
});
