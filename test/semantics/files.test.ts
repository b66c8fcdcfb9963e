// SPDX-License-Identifier: MIT
// Rules about files that need a real mount, and often another program: open files, mappings, links, attributes, users.
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { mounted, python, sh } from '../helpers/mounted.ts';
import { canMount, run, Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';

mounted(
  'a reader that was there before the copy_up sees what is written after it',
  { f: 'old' },
  {},
  async (t, stage) => {
    await stage.mount();
    await using reader = await open(stage.at('f'));
    t.is((await reader.read(Buffer.alloc(3), 0, 3, 0)).buffer.toString(), 'old');
    await writeFile(stage.at('f'), 'NEW', { flag: 'r+' });
    t.is((await reader.read(Buffer.alloc(3), 0, 3, 0)).buffer.toString(), 'NEW');
    t.is((await reader.stat()).ino, (await stat(stage.at('f'))).ino);
  },
);

mounted(
  'a shared mapping made before the copy_up sees it too',
  { f: 'old-data' },
  { programs: ['python3'] },
  async (t, stage) => {
    await stage.mount();
    const seen = await python(
      stage,
      `
import mmap, os
fd = os.open('f', os.O_RDONLY)
m = mmap.mmap(fd, 8, mmap.MAP_SHARED, mmap.PROT_READ)
before = m[:8]
w = os.open('f', os.O_RDWR)
os.pwrite(w, b'NEW', 0)
print(before.decode(), m[:8].decode())
w2 = mmap.mmap(w, 8)
w2[4:8] = b'DATA'
w2.flush()
print(m[:8].decode(), os.pread(fd, 8, 0).decode())
`,
    );
    t.is(seen, 'old-data NEW-data\nNEW-DATA NEW-DATA\n');
    t.is(await readFile(join(stage.upper, 'f'), 'utf8'), 'NEW-DATA');
  },
);

mounted('an unlinked open file lives on', { low: 'lower' }, { programs: ['python3'] }, async (t, stage) => {
  writeFileSync(join(stage.upper, 'up'), 'upper');
  await stage.mount();
  const seen = await python(
    stage,
    `
import os
for name in 'low', 'up':
    fd = os.open(name, os.O_RDWR)
    os.unlink(name)
    os.pwrite(fd, b'W', 0)
    os.fchmod(fd, 0o600)
    os.ftruncate(fd, 4)
    st = os.fstat(fd)
    print(os.pread(fd, 9, 0).decode(), st.st_nlink, oct(st.st_mode & 0o777), os.path.exists(name))
`,
  );
  t.is(seen, 'Wowe 0 0o600 False\nWppe 0 0o600 False\n');
});

mounted('hard links of a lower file stay one file, also after mounting again', {}, {}, async (t, stage) => {
  const lower = stage.lowers[0] as string;
  await run('sh', ['-euc', 'echo data > a; ln a b; mkdir d; ln a d/c'], { cwd: lower });
  await stage.mount();
  t.is(
    await sh(stage, 'echo more >> b; cat a d/c; stat -c %h a b d/c; stat -c %i a b d/c | uniq | wc -l'),
    'data\nmore\ndata\nmore\n3\n3\n3\n1\n',
  );
  await stage.remount();
  t.is(
    await sh(
      stage,
      'cat d/c; stat -c %h a; rm a; stat -c %h b; mv d/c e; stat -c %h e; stat -c %i b e | uniq | wc -l',
    ),
    'data\nmore\n3\n2\n2\n1\n',
  );
});

mounted('O_TMPFILE and linkat', {}, { programs: ['python3'] }, async (t, stage) => {
  await stage.mount();
  const script = `
import ctypes, os
fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o644)
os.write(fd, b'whole')
libc = ctypes.CDLL(None, use_errno=True)
libc.linkat(-100, f'/proc/self/fd/{fd}'.encode(), -100, b'named', 0x400)
print(open('named').read(), os.stat('named').st_nlink, os.listdir('.'))
`;
  t.is(await python(stage, script), "whole 1 ['named']\n");
});

mounted(
  'RENAME_NOREPLACE and RENAME_EXCHANGE, of directories too',
  { a: 'a', d: { x: 'x' }, e: { y: 'y' } },
  { programs: ['python3'] },
  async (t, stage) => {
    await stage.mount();
    const script = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def rename(a, b, flags):
    return 0 if libc.renameat2(-100, a.encode(), -100, b.encode(), flags) == 0 else ctypes.get_errno()
print(rename('a', 'd', 1), rename('a', 'b', 1), rename('d', 'e', 2), rename('b', 'd', 2), rename('b', 'none', 2))
`;
    t.is(await python(stage, script), '17 0 0 0 2\n');
    t.is(await sh(stage, 'ls b e; cat d'), 'b:\ny\n\ne:\nx\na');
  },
);

mounted(
  'd_ino is st_ino, before and after copy_up',
  { a: 'a', b: 'b', d: { c: 'c' } },
  {},
  async (t, stage) => {
    await stage.mount();
    const check =
      "ls -i1 | sort > ../list; stat -c '%i %n' * | sort > ../stat; diff -bB ../list ../stat && echo same";
    t.is(await sh(stage, `${check}; echo x >> a; mv b z; touch new d/e; ${check}`), 'same\nsame\n');
  },
);

mounted('holes stay holes', {}, {}, async (t, stage) => {
  const lower = stage.lowers[0] as string;
  await run(
    'sh',
    ['-euc', 'truncate -s 64M f; printf x | dd of=f bs=1 seek=10000000 conv=notrunc 2>/dev/null'],
    { cwd: lower },
  );
  await stage.mount();
  await sh(stage, 'printf y | dd of=f bs=1 seek=1 conv=notrunc 2>/dev/null');
  const { size, blocks } = statSync(join(stage.upper, 'f'));
  t.is(size, 64 * 1024 * 1024);
  t.true(blocks * 512 < 1024 * 1024, `${blocks} blocks`);
});

mounted(
  'copy_up keeps owner, mode, times, extended attributes, ACLs and capabilities',
  {},
  { root: true, programs: ['setfattr', 'setfacl', 'setcap', 'getfacl'] },
  async (t, stage) => {
    const lower = stage.lowers[0] as string;
    await run(
      'sh',
      [
        '-euc',
        'mkdir d; echo x > d/f; chown 12:34 d d/f; chmod 2750 d; chmod 6711 d/f; setfacl -m u:99:rw d/f; setfacl -d -m g:98:r d; setfattr -n user.k -v v d/f; setfattr -n trusted.t -v t d; setcap cap_net_raw+ep d/f; touch -d @1111111111.123456789 d/f; touch -d @1222222222.987654321 d',
      ],
      { cwd: lower },
    );
    const tell =
      "stat -c '%u %g %a %.9Y' d d/f; getfacl -pn d d/f; getfattr -d -m 'user|trusted' d d/f; getcap d/f";
    await stage.mount();
    const before = await sh(stage, tell);
    await sh(stage, 'touch -a -d @1 d/f');
    t.is(statSync(join(stage.upper, 'd/f')).size, 2);
    t.is(await sh(stage, tell), before);
  },
);

mounted(
  'a new file belongs to who made it, with umask, set-group-ID directory and default ACL',
  {},
  { root: true, programs: ['setpriv', 'setfacl', 'getfacl'] },
  async (t, stage) => {
    const lower = stage.lowers[0] as string;
    await run(
      'sh',
      [
        '-euc',
        'mkdir open sgid acl; chmod 0777 open acl; chown 0:55 sgid; chmod 2777 sgid; setfacl -d -m u:77:rwx acl',
      ],
      { cwd: lower },
    );
    await stage.mount();
    const user = 'setpriv --reuid 1234 --regid 1234 --clear-groups sh -euc';
    await sh(
      stage,
      `${user} 'umask 027; echo x > open/f; mkdir open/d; echo x > sgid/f; mkdir sgid/d; echo x > acl/f'`,
    );
    t.is(
      await sh(stage, "stat -c '%u %g %a' open/f open/d sgid/f sgid/d"),
      '1234 1234 640\n1234 1234 750\n1234 55 640\n1234 55 2750\n',
    );
    t.regex(await sh(stage, 'getfacl -pn acl/f'), /user:77:rwx/);
  },
);

mounted(
  'an ordinary user may do what the permissions of the union say',
  { secret: 's', d: { f: 'x' }, t: { mine: 'm', other: 'o' } },
  { root: true, programs: ['setpriv'] },
  async (t, stage) => {
    const lower = stage.lowers[0] as string;
    await run(
      'sh',
      ['-euc', 'chmod 600 secret; chmod 755 d; chmod 644 d/f; chmod 1777 t; chown 1234 t/mine'],
      { cwd: lower },
    );
    await stage.mount();
    const user = (script: string) =>
      sh(stage, `setpriv --reuid 1234 --regid 1234 --clear-groups sh -c '${script}' 2>&1 || true`);
    t.regex(await user('cat secret'), /Permission denied/);
    t.regex(await user('echo x >> d/f'), /Permission denied/);
    t.regex(await user('rm -f d/f'), /Permission denied/);
    t.regex(await user('rm -f t/other'), /Operation not permitted/);
    t.is(await user('rm t/mine && echo new > t/new && cat t/new'), 'new\n');
    t.deepEqual((await readdir(join(stage.upper, 't'))).sort(), ['.wh.mine', 'new']);
  },
);

mounted(
  "a write by another user takes set-id bits away, root's does not",
  { a: 'a', b: 'b' },
  { root: true, programs: ['setpriv'] },
  async (t, stage) => {
    await run('sh', ['-euc', 'chmod 6777 a b'], { cwd: stage.lowers[0] as string });
    await stage.mount();
    await sh(stage, "echo x >> b; setpriv --reuid 1234 --regid 1234 --clear-groups sh -c 'echo x >> a'");
    t.is(await sh(stage, 'stat -c %a a b'), '777\n6777\n');
  },
);

mounted('special files', {}, { root: true }, async (t, stage) => {
  await run('sh', ['-euc', 'mkfifo p; mknod c c 1 3; chmod 600 c'], { cwd: stage.lowers[0] as string });
  await stage.mount();
  t.is(
    await sh(
      stage,
      "echo x > c; chmod 666 c; mv p q; (echo through > q &) ; cat q; mknod n c 1 5; stat -c '%F %t %T %a' c n",
    ),
    'through\ncharacter special file 1 3 666\ncharacter special file 1 5 644\n',
  );
});

mounted('100,000 entries, listed once each, found, removed', {}, {}, async (t, stage) => {
  t.timeout(120_000);
  const lower = join(stage.lowers[0] as string, 'd');
  mkdirSync(lower);
  await run('sh', ['-euc', 'seq -f %g 1 100000 | xargs touch'], { cwd: lower });
  await stage.mount();
  t.is(
    await sh(stage, 'ls -f d | sort -u | wc -l; ls -f d | wc -l; test -e d/77777; rm d/77777; ls d | wc -l'),
    '100002\n100002\n99999\n',
  );
});

mounted('a path of 1,000 directories', {}, { programs: ['python3'] }, async (t, stage) => {
  t.timeout(120_000);
  const deep = `
import os, sys
for i in range(1000):
    if sys.argv[1] == 'make': os.mkdir('d')
    os.chdir('d')
open('f', 'a').write(sys.argv[1])
print(open('f').read())
`;
  await run('python3', ['-c', deep, 'make'], { cwd: stage.lowers[0] as string });
  await stage.mount();
  t.is((await run('python3', ['-c', deep, 'again'], { cwd: stage.target })).stdout, 'makeagain\n');
  await sh(stage, 'mv d e; rm -rf e; test ! -e d');
});

mounted('names that are not UTF-8', {}, { programs: ['python3'] }, async (t, stage) => {
  await stage.mount();
  const script = `
import os
name = b'\\xff\\xfe a'
open(name, 'w').write('x'); os.rename(name, name + b'2'); os.mkdir(b'\\x80')
print(sorted(os.listdir(b'.')))
`;
  t.is(await python(stage, script), "[b'\\x80', b'\\xff\\xfe a2']\n");
});

const DEEP = 128;
(canMount ? test.serial : test.skip)(`${DEEP} branches${canMount ? '' : ' (needs /dev/fuse)'}`, async (t) => {
  const lowers = Array.from(
    { length: DEEP },
    (_, i): Tree => ({ [`f${i}`]: `${i}`, all: `${i}`, d: { [`g${i}`]: '' } }),
  );
  const stage = await Stage.create(t, {}, ...lowers);
  await stage.mount();
  t.is(await readFile(stage.at('all'), 'utf8'), '0');
  t.is(await readFile(stage.at(`f${DEEP - 1}`), 'utf8'), `${DEEP - 1}`);
  t.is((await readdir(stage.at('d'))).length, DEEP);
  await sh(stage, `rm d/g${DEEP - 1}; echo x >> f77`);
  t.is((await readdir(stage.at('d'))).length, DEEP - 1);
  await stage.unmount();
});

for (const [mode, whiteoutsCount] of [
  ['ro+wh', true],
  ['ro', false],
  ['rr', false],
  ['rr+wh', true],
] as const) {
  (canMount ? test.serial : test.skip)(
    `a branch of mode ${mode}${canMount ? '' : ' (needs /dev/fuse)'}`,
    async (t) => {
      const stage = await Stage.create(t, {}, { '.wh.a': '', b: 'b' }, { a: 'a' });
      const [middle = '', bottom = ''] = stage.lowers;
      await stage.mount({ branches: [stage.upper, { path: middle, mode }, bottom] });
      t.deepEqual((await readdir(stage.target)).sort(), whiteoutsCount ? ['b'] : ['a', 'b']);
      await sh(stage, 'echo x >> b');
      await stage.unmount();
      t.is(await readFile(join(middle, 'b'), 'utf8'), 'b');
    },
  );
}
