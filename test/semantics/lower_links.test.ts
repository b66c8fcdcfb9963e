// SPDX-License-Identifier: MIT
// What unlink(2) and rename(2) do to an inode that lies in a read-only branch and cannot be changed.
import { alike, mounted, python } from '../helpers/mounted.ts';

const COUNTS = `
import os, time
def told(what, stat): print(what, stat.st_nlink, 'moved' if stat.st_ctime_ns > started else 'unmoved')
time.sleep(0.05)
started = time.time_ns()
time.sleep(0.05)
`;

/** `python3 -c` with what the scripts share, for sh. */
const script = (body: string): string => `python3 - <<'END'\n${COUNTS}${body}\nEND`;

alike(
  'a file that is unlinked while it is open has no links, and its ctime has moved',
  {},
  'for f in read write; do echo data > $f; done; ln -s read link; mkfifo fifo',
  script(`
for name, flags in (('read', os.O_RDONLY), ('write', os.O_RDWR), ('link', os.O_PATH | os.O_NOFOLLOW), ('fifo', os.O_RDWR)):
    fd = os.open(name, flags)
    os.unlink(name)
    told(name, os.fstat(fd))
`),
);

alike(
  'so has a file that is replaced by a rename',
  {},
  'for f in a b c; do echo $f > $f; done',
  script(`
fd = os.open('b', os.O_RDONLY)
os.rename('a', 'b')
told('b', os.fstat(fd))
open('new', 'w').close()
fd = os.open('c', os.O_RDONLY)
os.rename('new', 'c')
told('c', os.fstat(fd))
`),
);

alike(
  'removing one name of a hard link moves the ctime that the other names show',
  {},
  'echo 1 > a; ln a a2; echo 2 > b; ln b b2; echo 3 > c',
  script(`
for name in ('a2', 'b2'): os.stat(name)
os.unlink('a')
told('a2', os.stat('a2'))
os.rename('c', 'b')
told('b2', os.stat('b2'))
`),
);

alike(
  'set-id bits of what an ordinary user makes stay, whatever it is',
  { root: true },
  'mkdir shared; chmod 0777 shared',
  `python3 - <<'END'
import os, stat
os.umask(0)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.mkfifo('shared/fifo', 0o7755)
os.mknod('shared/socket', stat.S_IFSOCK | 0o7755)
os.mknod('shared/file', stat.S_IFREG | 0o7755)
for name in ('fifo', 'socket', 'file'): print(name, oct(os.stat('shared/' + name).st_mode))
END`,
);

mounted('a file of very many names is listed as fast as many files', { seed: 'x' }, {}, async (t, stage) => {
  await python(
    { ...stage, target: stage.lowers[0] as string } as typeof stage,
    "import os\nfor i in range(8000): os.link('seed', 'n%d' % i)",
  );
  await stage.mount();
  const script = `import os, time
start = time.monotonic()
names = os.listdir('.')
for name in names: os.stat(name)
print(len(names), time.monotonic() - start)`;
  const [count, seconds] = (await python(stage, script)).split(' ').map(Number);
  t.is(count, 8001);
  t.true((seconds ?? 99) < 8, `${seconds} s`);
});
