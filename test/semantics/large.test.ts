// SPDX-License-Identifier: MIT
// A great many names in one directory, and names as long as there may be.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { mount } from '../../lib/mount.ts';
import { kinds, missingFor, mountNew, newFileSystem } from '../helpers/file_system.ts';
import { mounted, python } from '../helpers/mounted.ts';
import { canMount, has, isRoot, run } from '../helpers/stage.ts';

const COUNT = process.env['AUFS_TEST_LONG'] === undefined ? 20_000 : 100_000;

/** Twenty are one file each, which is quicker than a file for each. */
const MAKE = `import os
os.mkdir('d'); os.chdir('d')
for i in range(${COUNT}):
    if i % 20: os.link('f%d' % (i // 20 * 20), 'f%d' % i)
    else: os.close(os.open('f%d' % i, os.O_CREAT | os.O_WRONLY))`;

/** Changes some and keeps count in a set; what is listed must be that set, and each name must lead somewhere. */
const CHANGE = `import os
names = set(os.listdir('d')); print(len(names))
for i in range(0, ${COUNT}, 997):
    name = 'd/f%d' % i
    kind = i // 997 % 5
    if kind == 0: os.unlink(name); names.remove(name[2:])
    elif kind == 1: os.rename(name, name + 'r'); names.remove(name[2:]); names.add(name[2:] + 'r')
    elif kind == 2: open(name, 'a').write('x')
    elif kind == 3: os.unlink(name); os.mkdir(name)
    else: open(name + 'n', 'w').close(); names.add(name[2:] + 'n')
listed = os.listdir('d')
print(len(listed), set(listed) == names, len(set(listed)))
print(sum(os.path.lexists('d/' + name) for name in list(names)[::50]) == len(list(names)[::50]))`;

mounted(`${COUNT} names in one directory`, {}, { programs: ['python3'] }, async (t, stage) => {
  t.timeout(180_000);
  const lower = stage.lowers[0] as string;
  if (isRoot) await mountNew(kinds.tmpfs, lower);
  execFileSync('python3', ['-c', MAKE], { cwd: lower });
  await stage.mount({ volatile: true });
  // One in 997 is touched, in five ways in turn: one way takes a name away, another adds one.
  const told = await python(stage, CHANGE);
  t.regex(told, new RegExp(`^${COUNT}\\n(\\d+) True \\1\\nTrue\\n$`));
  const list = 'import os, zlib; print(zlib.crc32("\\n".join(sorted(os.listdir("d"))).encode()))';
  const before = await python(stage, list);
  await stage.remount({ volatile: true });
  t.is(await python(stage, list), before, 'mounted again');
});

mounted(
  'a directory of many names of one file is listed in time that grows with their number',
  {},
  {},
  async (t, stage) => {
    const make = `import os
for d, n in ('few', 5000), ('many', 40000):
    os.mkdir(d); open(d + '/0', 'w').close()
    for i in range(1, n): os.link(d + '/0', f'{d}/{i}')`;
    await run('python3', ['-c', make], { cwd: stage.lowers[0] as string });
    await stage.mount();
    const list = `import os, time
for d in 'few', 'many':
    since = time.monotonic()
    found = [e.stat(follow_symlinks=False) for e in os.scandir(d)]
    print(len(found), len({s.st_ino for s in found}), {s.st_nlink for s in found}, time.monotonic() - since)`;
    const [few, many] = (await python(stage, list)).trim().split('\n') as [string, string];
    t.regex(few, /^5000 1 \{5000\} /);
    t.regex(many, /^40000 1 \{40000\} /);
    const seconds = (line: string): number => Number(line.split(' ').at(-1));
    // Eight times as many: were it quadratic, 64 times as long.
    t.true(seconds(many) < 32 * seconds(few), `${few}; ${many}`);
  },
);

/** What statfs(2) says is what can be made; each step prints nothing unless it fails. */
const LONGEST = `import errno, os
n = os.statvfs('.').f_namemax
def refused(call, *args):
    try: call(*args); print(call.__name__, 'was not refused')
    except OSError as e:
        if e.errno != errno.ENAMETOOLONG: print(call.__name__, e)
a, b, c, long = 'a' * n, 'b' * n, 'c' * n, 'x' * (n + 1)
open(a, 'w').write('1'); os.rename(a, b); os.link(b, a); os.unlink(b); os.mkdir(b); os.rename(b, c); os.symlink(a, b); os.rename(a, b)
for call in lambda: os.mkdir(long), lambda: open(long, 'w'), lambda: os.rename(b, long), lambda: os.link(b, long), lambda: os.symlink('x', long), lambda: os.mkfifo(long): refused(call)
os.unlink(b); os.rmdir(c)
low = 'l' * n
open(low, 'a').write('+'); os.rename(low, a); os.unlink(a); open(low, 'w').close(); os.unlink(low); os.rename('m' * n, low); open(low + '/new', 'w').close()
print(n, sorted(os.listdir('.')) == [low], os.listdir(low))`;

for (const kind of [kinds.ext4, kinds.xfs, kinds.btrfs, kinds.tmpfs]) {
  const missing = [
    ...missingFor(kind),
    ...(canMount ? [] : ['/dev/fuse']),
    ...(has('python3') ? [] : ['python3']),
  ];
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(
    `${kind.title}: names as long as statfs(2) says can be made, and no longer ones${note}`,
    async (t) => {
      const root = await newFileSystem(t, kind);
      const make = `mkdir rw ro mnt; touch ro/$(printf 'l%.0s' $(seq 251)); mkdir ro/$(printf 'm%.0s' $(seq 251))`;
      await run('sh', ['-euc', make], { cwd: root });
      await using shown = await mount(join(root, 'mnt'), { branches: [join(root, 'rw'), join(root, 'ro')] });
      const { stdout } = await run('python3', ['-c', LONGEST], { cwd: shown.target });
      t.is(stdout, "251 True ['new']\n");
    },
  );
}
