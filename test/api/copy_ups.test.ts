// SPDX-License-Identifier: MIT
// Union.copyUp of many paths: who takes what, and when that ends.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { binding, type NativeCopyUp } from '../../lib/binding.ts';
import { copyUps } from '../../lib/union/copy_ups.ts';
import { UnionGuard } from '../../lib/union/guard.ts';
import { openNative } from '../../lib/union/open_native.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

/** A guard that counts the turns, of which it tells no more than the first `most` paths. */
class CountingGuard extends UnionGuard {
  turns = 0;
  most = Number.POSITIVE_INFINITY;

  override async run<T>(...call: Parameters<UnionGuard['run']>): Promise<T> {
    this.turns += 1;
    return ((await super.run(...call)) as unknown[]).slice(0, this.most) as T;
  }
}

/** A union with so many lower files of so many bytes. */
async function union(t: ExecutionContext, count: number, size: number) {
  const directory = await temporaryDirectory(t);
  const [upper, lower] = [join(directory, 'upper'), join(directory, 'lower')];
  await mkdir(upper);
  await mkdir(lower);
  const names = Array.from({ length: count }, (_, i) => `f${i}`);
  const content = Buffer.alloc(size, 'x');
  for (const name of names) await writeFile(join(lower, name), content);
  const { handle } = await openNative({
    branches: [{ path: upper, mode: 'rw' }, lower],
    volatile: true,
  });
  t.teardown(() => binding().unionClose(handle));
  return { guard: new CountingGuard(handle), handle, names, upper };
}

function pathsOf(events: readonly NativeCopyUp[]): string[] {
  return events.map(({ path }) => path);
}

test('a turn ends after a while, with what was done; one path is done in any case', async (t) => {
  const { handle, names, upper } = await union(t, 8000, 1);
  const since = performance.now();
  const done = await binding().copyUp(handle, names);
  const took = performance.now() - since;
  t.true(done.length > 0 && done.length < names.length, `${done.length} in ${took} ms`);
  t.deepEqual(pathsOf(done), names.slice(0, done.length));
  const [next = ''] = names.slice(done.length);
  await t.throwsAsync(readFile(join(upper, next)), { code: 'ENOENT' });
});

for (const [count, most] of [
  [1, 1],
  [5, 1],
  [300, 7],
  [3000, 100],
] as const) {
  test(`what a turn of ${count} paths leaves is done by somebody, in their order: ${most} at once`, async (t) => {
    const { guard, names } = await union(t, count, 1);
    guard.most = most;
    t.deepEqual(pathsOf(await copyUps(guard, names)), names);
    t.true(guard.turns >= count / most);
  });
}

test('a path that fails ends the work: no turn is begun after it', async (t) => {
  const { guard, names } = await union(t, 2000, 1);
  const error = await t.throwsAsync(copyUps(guard, ['missing', ...names]), { code: 'ENOENT' });
  t.is((error as NodeJS.ErrnoException).path, 'missing');
  t.true(guard.turns <= 8, `${guard.turns} turns`);
});
