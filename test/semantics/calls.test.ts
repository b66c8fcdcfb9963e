// SPDX-License-Identifier: MIT
// System calls on files from below: each script does the same in a mount as in a plain directory.
import { alike } from '../helpers/mounted.ts';

/** Runs Python that prints what calls give; `attempt` prints a result or the name of the errno. */
const python = (body: string): string => `python3 -B - <<'END'
import ctypes, errno, fcntl, mmap, os, socket, stat, struct, subprocess, sys, threading, time
def attempt(name, call, *args, **kw):
    try: print(name, call(*args, **kw))
    except OSError as e: print(name, errno.errorcode[e.errno])
def old(path): os.utime(path, ns=(10**18, 10**18), follow_symlinks=False)
def moved(*paths): print(*('%s:%s' % (p, 'kept' if os.lstat(p).st_mtime_ns == 10**18 else 'now') for p in paths))
${body}
END`;

alike(
  'which calls move the time of the directory',
  { programs: ['touch'] },
  'mkdir -p d/s d/e d/t u; echo 1 > d/a; echo 2 > d/b; echo 3 > u/x; ln -s a d/l; find . -exec touch -hd @1000000000 {} +',
  python(`
def each(*steps):
    for name, step in steps:
        for p in 'd', 'u', 'd/s': old(p)
        step(); print(name, end=' '); moved('d', 'u', 'd/s')
def put(p):
    with open(p, 'w') as f: f.write('x')
def add(p):
    with open(p, 'a') as f: f.write('x')
def low(f): return lambda: f
each(('append', lambda: add('d/a')), ('chmod', lambda: os.chmod('d/b', 0o600)), ('create', lambda: put('d/new')),
     ('truncate', lambda: os.truncate('d/b', 0)), ('mkdir', lambda: os.mkdir('d/m')), ('rmdir', lambda: os.rmdir('d/e')),
     ('symlink', lambda: os.symlink('t', 'd/k')), ('unlink lower', lambda: os.unlink('d/l')),
     ('unlink upper', lambda: os.unlink('d/new')), ('link lower', lambda: os.link('u/x', 'd/x')),
     ('link upper', lambda: os.link('d/a', 'd/h')), ('rename inside', lambda: os.rename('d/b', 'd/c')),
     ('rename across', lambda: os.rename('d/c', 'u/c')), ('rename dir', lambda: os.rename('d/s', 'u/s') or os.mkdir('d/s')),
     ('rename over', lambda: os.rename('u/c', 'd/a')), ('utime', lambda: os.utime('d/a', (5, 5))),
     ('chmod dir', lambda: os.chmod('d', 0o700)), ('mkfifo', lambda: os.mkfifo('u/p')),
     ('xattr', lambda: os.setxattr('d/a', 'user.k', b'v')), ('read', lambda: open('d/a').read() and os.listdir('d')))`),
);

alike(
  'which calls move the time of the file',
  { programs: ['touch'] },
  'for f in a b c d e f g; do echo data > $f; done; find . -exec touch -hd @1000000000 {} +',
  python(`
os.chmod('a', 0o600); moved('a'); os.chown('a', -1, -1); moved('a'); os.link('a', 'a2'); moved('a'); os.rename('a', 'a3'); moved('a3')
os.setxattr('b', 'user.k', b'v'); moved('b'); open('b', 'r+').close(); moved('b')
fd = os.open('b', os.O_RDWR); os.pread(fd, 3, 0); moved('b'); os.pwrite(fd, b'X', 0); moved('b'); os.close(fd); moved('b')
os.truncate('c', 2); moved('c')
fd = os.open('d', os.O_RDWR); os.ftruncate(fd, 5); moved('d'); old('d'); os.ftruncate(fd, 9); moved('d'); old('d'); os.posix_fallocate(fd, 0, 100); moved('d')
os.close(os.open('e', os.O_RDWR | os.O_TRUNC)); moved('e')
fd = os.open('f', os.O_RDWR); m = mmap.mmap(fd, 4); m[:2] = b'mm'; m.flush(); moved('f'); m.close(); os.close(fd); moved('f')
fd = os.open('g', os.O_WRONLY | os.O_APPEND); os.write(fd, b'x'); os.utime('g', ns=(10**18, 10**18)); os.close(fd); moved('g')`),
);

alike(
  'a mapped write moves the time of the file, while it is mapped and afterwards',
  {},
  'echo low > low',
  python(`
open('up', 'w').write('up')
for name in 'low', 'up':
    fd = os.open(name, os.O_RDWR); m = mmap.mmap(fd, 2)
    m[:1] = b'1'; m.flush(); old(name)
    m[:1] = b'2'; m.flush(); moved(name)
    m.close(); os.close(fd); moved(name)`),
);

alike(
  'a mapping that outlives its descriptor moves the time of the file, also for those who looked before',
  {},
  ': > low',
  python(`
libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p
def look(name):
    st = os.stat(name); print(name, st.st_size, [e.stat().st_size for e in os.scandir('.') if e.name == name]); moved(name)
for name in 'low', 'up':
    if name == 'up': open(name, 'w').close()
    os.truncate(name, 1 << 20); blocks = os.stat(name).st_blocks
    fd = os.open(name, os.O_RDWR); at = libc.mmap(None, ctypes.c_size_t(1 << 20), 3, 1, fd, ctypes.c_long(0)); os.close(fd)
    old(name); look(name); look(name)
    ctypes.memmove(at + 500000, b'store', 5); libc.msync(ctypes.c_void_p(at), ctypes.c_size_t(1 << 20), 4); look(name); print(os.stat(name).st_blocks > blocks)
    libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(1 << 20)); old(name); look(name); look(name); open(name, 'r+').close(); look(name)`),
);

alike(
  'sizes, holes and what lies beyond the end',
  {},
  'truncate -s 1M sparse; printf mid | dd of=sparse bs=1 seek=500000 conv=notrunc 2>/dev/null; printf 0123456789 > f; cp f g; cp f h; : > empty; head -c 300000 /dev/urandom > big; cp big big2',
  python(`
import zlib
def show(p):
    with open(p, 'rb') as f: data = f.read()
    print(p, len(data), zlib.crc32(data), os.stat(p).st_size)
fd = os.open('sparse', os.O_RDWR); os.pwrite(fd, b'x', 10); show('sparse')
attempt('data', os.lseek, fd, 600000, os.SEEK_DATA); attempt('end', os.lseek, fd, 1 << 20, os.SEEK_HOLE)
os.truncate('f', 4); show('f'); os.truncate('f', 8); show('f'); os.truncate('g', 100000); show('g')
fd = os.open('h', os.O_RDWR); os.pwrite(fd, b'far', 70000); show('h')
libc = ctypes.CDLL(None, use_errno=True)
def fallocate(fd, mode, at, size):
    r = libc.fallocate64(fd, mode, ctypes.c_int64(at), ctypes.c_int64(size)); return 0 if r == 0 else errno.errorcode[ctypes.get_errno()]
fd = os.open('big', os.O_RDWR)
print(fallocate(fd, 3, 4096, 8192)); show('big'); print(fallocate(fd, 1, 290000, 100000)); show('big'); print(fallocate(fd, 0, 0, 400000)); show('big')
print(fallocate(os.open('big', os.O_RDONLY), 0, 0, 10))
a, b = os.open('big2', os.O_RDONLY), os.open('copy', os.O_RDWR | os.O_CREAT)
n = 0
while True:
    got = os.copy_file_range(a, b, 1 << 20)
    if not got: break
    n += got
print(n); show('copy'); print(os.copy_file_range(b, os.open('empty', os.O_RDWR), 5000, 100, 50)); show('empty')
s = os.open('sent', os.O_WRONLY | os.O_CREAT); print(os.sendfile(s, a, 0, 1 << 20)); show('sent')
attempt('truncate beyond', os.truncate, 'f', 1 << 62); attempt('negative', os.pread, fd, 5, -1)
attempt('dir', os.truncate, '.', 0); attempt('read dir', os.read, os.open('.', os.O_RDONLY), 5)`),
);

alike(
  'how files may be opened',
  {},
  'echo f > f; mkdir d; ln -s f s; ln -s none dangling; mkfifo p; echo x > x; chmod 755 x; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\'sock\')"',
  python(`
def o(path, *flags, mode=0o644):
    bits = 0
    for f in flags: bits |= getattr(os, f)
    try:
        fd = os.open(path, bits, mode); print(path, flags, 'ok', oct(os.fstat(fd).st_mode)); os.close(fd)
    except OSError as e: print(path, flags, errno.errorcode[e.errno])
for p in 'f', 'd', 's', 'dangling', 'none', 'f/x', 'd/x', 'none/x', 'd/', 'f/', 'sock':
    for flags in (['O_RDONLY'], ['O_WRONLY'], ['O_RDWR', 'O_NOFOLLOW'], ['O_RDONLY', 'O_DIRECTORY'], ['O_RDONLY', 'O_CREAT', 'O_EXCL'], ['O_PATH', 'O_NOFOLLOW'], ['O_RDONLY', 'O_NOATIME'], ['O_RDONLY', 'O_DIRECTORY', 'O_CREAT']):
        if not (p in ('none', 'd/x') and 'O_CREAT' in flags): o(p, *flags)
o('p', 'O_RDONLY', 'O_NONBLOCK'); o('p', 'O_WRONLY', 'O_NONBLOCK'); o('f', 'O_RDONLY', 'O_TRUNC'); print(os.path.getsize('f'))
o('new', 'O_RDONLY', 'O_CREAT', mode=0o000); o('new2', 'O_WRONLY', 'O_CREAT', mode=0o7777)
fd = os.open('f', os.O_WRONLY); attempt('read', os.read, fd, 1)
fd = os.open('f', os.O_RDONLY); attempt('write', os.write, fd, b'x'); attempt('ftruncate', os.ftruncate, fd, 0)
attempt('exec', subprocess.call, ['./f']); attempt('exec dir', subprocess.call, ['./d'])`),
);

alike(
  'names that calls refuse',
  {},
  'mkdir -p d/s full/x; echo f > f; ln -s d l',
  python(`
for name, call in (
    ('mkdir .', lambda: os.mkdir('.')), ('mkdir ..', lambda: os.mkdir('d/..')), ('rmdir .', lambda: os.rmdir('d/.')),
    ('rmdir ..', lambda: os.rmdir('d/s/..')), ('rmdir full', lambda: os.rmdir('full')), ('unlink d/', lambda: os.unlink('d/')),
    ('unlink f/', lambda: os.unlink('f/')), ('rmdir l', lambda: os.rmdir('l')), ('rmdir l/', lambda: os.rmdir('l/')),
    ('rename . x', lambda: os.rename('.', 'x')), ('rename d/. x', lambda: os.rename('d/.', 'x')), ('rename f d/', lambda: os.rename('f', 'd/')),
    ('rename f x/', lambda: os.rename('f', 'x/')), ('rename d x/', lambda: os.rename('d', 'x/')), ('rename l d', lambda: os.rename('l', 'x')),
    ('link f f', lambda: os.link('f', 'f')), ('symlink empty', lambda: os.symlink('', 'e')), ('mkdir empty', lambda: os.mkdir('')),
    ('creat x2/', lambda: os.open('x2/', os.O_CREAT)), ('mkdir x3/', lambda: os.mkdir('x3/')), ('long symlink', lambda: os.symlink('t' * 4095, 'long')),
    ('longer symlink', lambda: os.symlink('t' * 4096, 'longer')), ('rename through', lambda: os.rename('x/../f', 'g')),
    ('nonutf', lambda: os.mkdir(b'\\\\xff\\\\xfe')), ('newline', lambda: os.mkdir('a\\\\nb'))):
    attempt(name, call)
print(sorted(map(os.fsencode, os.listdir('.'))), len(os.readlink('long')))`),
);

alike(
  'descriptors that outlive their names',
  {},
  'mkdir -p d/s; echo low > d/f; echo two > d/g; echo run > d/s/x; printf "#!/bin/sh\\necho ran\\n" > d/prog; chmod +x d/prog',
  python(`
f = os.open('d/f', os.O_RDWR); d = os.open('d', os.O_RDONLY); s = os.open('d/s', os.O_RDONLY)
os.rename('d', 'e'); os.pwrite(f, b'LOW', 0); print(open('e/f').read(), sorted(os.listdir(d)))
os.close(os.open('made', os.O_CREAT, dir_fd=d)); print(sorted(os.listdir('e')))
os.rename('x', 'y', src_dir_fd=s, dst_dir_fd=d); print(sorted(os.listdir('e')), os.listdir(s))
os.rmdir('e/s'); print(os.listdir(s), os.fstat(s).st_nlink); attempt('create in removed', os.open, 'n', os.O_CREAT, dir_fd=s); attempt('mkdir in removed', os.mkdir, 'n', dir_fd=s)
print(stat.S_ISDIR(os.stat('..', dir_fd=s).st_mode))
g = os.open('e/g', os.O_RDONLY); os.unlink('e/g'); open('e/g', 'w').write('another'); print(os.read(g, 9), os.fstat(g).st_nlink, open('e/g').read())
os.rename('e/made', 'e/f'); print(os.pread(f, 9, 0), os.fstat(f).st_nlink, os.path.getsize('e/f')); os.fchmod(f, 0o640); print(oct(os.fstat(f).st_mode), oct(os.stat('e/f').st_mode))
os.ftruncate(f, 1); os.utime(f, (1, 2)); print(os.fstat(f).st_size, os.fstat(f).st_mtime); os.setxattr(f, 'user.k', b'v'); print(os.getxattr(f, 'user.k'))
print(open(f'/proc/self/fd/{g}').read(), subprocess.run(['e/prog'], capture_output=True, text=True).stdout)
os.chdir('e'); os.rename('../e', '../k'); open('here', 'w').write('h'); print(os.path.basename(os.getcwd()), sorted(os.listdir('../k')))`),
);

alike(
  'names that change while several processes have the file open',
  {},
  'mkdir d e; for f in a b c d/x; do echo low-$f > $f; done; ln a a2',
  python(`
HOLDER = """
import os, sys
fds = {p: os.open(p, getattr(os, sys.argv[1])) for p in sys.argv[2:]}
print('ready', flush=True)
for line in sys.stdin:
    word, p = line.split()
    if word == 'read': print(os.pread(fds[p], 99, 0), os.fstat(fds[p]).st_nlink, os.fstat(fds[p]).st_size, flush=True)
    else: print(os.pwrite(fds[p], word.encode(), 0), flush=True)
"""
for name in 'up', 'up2': open(name, 'w').write(name + '-data')
NAMES = ['a', 'b', 'c', 'd/x', 'up', 'up2']
holders = [subprocess.Popen([sys.executable, '-c', HOLDER, mode, *NAMES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
           for mode in ('O_RDONLY', 'O_RDWR', 'O_WRONLY', 'O_RDWR', 'O_RDONLY')]
for h in holders: h.stdout.readline()
def ask(i, word, p):
    h = holders[i]; h.stdin.write('%s %s\\n' % (word, p)); h.stdin.flush(); return h.stdout.readline().strip()
def all_see(p):
    print(p, [ask(i, 'read', p) for i in (0, 1, 3, 4)])
for name, step in (('rename', lambda: os.rename('up', 'e/up')), ('link', lambda: os.link('up2', 'e/link')), ('over', lambda: os.rename('b', 'up2')),
                   ('rename lower', lambda: os.rename('d/x', 'x')), ('rename dir', lambda: os.rename('d', 'e/d')), ('unlink', lambda: os.unlink('a')),
                   ('replace', lambda: open('new', 'w').write('new') and os.rename('new', 'c')), ('link of b', lambda: os.link('up2', 'b')), ('unlink link', lambda: os.unlink('e/link'))):
    attempt(name, step)
    for p in NAMES: all_see(p)
    for p in NAMES: print(ask(1, 'W1' + name[:2], p), ask(2, 'w', p))
    for p in NAMES: all_see(p)
    for top, dirs, found in sorted(os.walk('.')): print(top, [(f, open(top + '/' + f).read()) for f in sorted(found)])
for h in holders: h.stdin.close(); h.wait()
for top, dirs, found in sorted(os.walk('.')): print(top, [(f, open(top + '/' + f).read(), os.stat(top + '/' + f).st_nlink) for f in sorted(found)])`),
);

alike(
  'locks of two processes, held over the copy_up',
  {},
  'echo data > f; echo data > g',
  python(`
def other(code):
    return subprocess.run([sys.executable, '-c', 'import fcntl, os, struct\\nfd = os.open("%s", os.O_RDWR)\\ntry:\\n    %s; print("got it")\\nexcept OSError as e: print("refused", e.errno)' % code], capture_output=True, text=True).stdout.strip()
a = os.open('f', os.O_RDWR); fcntl.flock(a, fcntl.LOCK_EX)
take = 'fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)'
print(other(('f', take))); os.pwrite(a, b'X', 0); print(other(('f', take))); fcntl.flock(a, fcntl.LOCK_UN); print(other(('f', take)))
b = os.open('g', os.O_RDWR); fcntl.lockf(b, fcntl.LOCK_EX, 10, 0)
take = 'fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, %d)'
print(other(('g', take % 5)), other(('g', take % 10))); os.pwrite(b, b'X', 0); print(other(('g', take % 5)), other(('g', take % 10)))
os.rename('g', 'h'); print(other(('h', take % 5))); os.close(os.open('h', os.O_RDONLY)); print(other(('h', take % 5)))`),
);

alike(
  'special files',
  { root: true, programs: ['mknod'] },
  'mkfifo p; mknod null c 1 3; mknod zero c 1 5; chmod 666 null zero; mknod b b 7 200; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\'sock\')"',
  python(`
s = socket.socket(socket.AF_UNIX); s.bind('mine'); s.listen(); c = socket.socket(socket.AF_UNIX); c.connect('mine'); c.send(b'hi'); print(s.accept()[0].recv(9))
attempt('old socket', socket.socket(socket.AF_UNIX).connect, 'sock'); os.rename('mine', 'moved'); attempt('moved', socket.socket(socket.AF_UNIX).connect, 'moved')
print(open('zero', 'rb').read(4), open('null', 'w').write('x')); os.chmod('null', 0o600); os.chown('zero', 5, 5); os.link('b', 'b2'); os.rename('b', 'b3')
r = os.open('p', os.O_RDONLY | os.O_NONBLOCK); w = os.open('p', os.O_WRONLY); os.write(w, b'x'); os.chmod('p', 0o600); print(os.read(r, 9)); os.rename('p', 'q'); os.write(w, b'y'); print(os.read(r, 9))
os.mknod('n', 0o20644, os.makedev(1, 3)); print(open('n').read() == '')
for p in sorted(os.listdir('.')):
    st = os.lstat(p); print(p, oct(st.st_mode), st.st_uid, os.major(st.st_rdev), os.minor(st.st_rdev), st.st_nlink)`),
);

alike(
  'listing while names come and go',
  {},
  'mkdir d; cd d; for i in $(seq 1 3000); do : > f$i; done',
  python(`
seen = set()
with os.scandir('d') as it:
    for i, entry in enumerate(it):
        assert entry.name not in seen; seen.add(entry.name)
        if i % 3 == 0: os.unlink('d/' + entry.name)
        if i % 7 == 0 and i < 3000: open('d/new%d' % i, 'w').close()
print(all('f%d' % i in seen for i in range(1, 3001)))
for name in os.listdir('d'): os.unlink('d/' + name)
print(os.listdir('d')); os.rmdir('d')`),
);

alike(
  'rm -r, cp, mv and find over a lower tree',
  { programs: ['find'] },
  'mkdir -p t/a/b/c t/e; for i in 1 2 3 4 5; do echo $i > t/a/f$i; echo $i > t/a/b/g$i; ln t/a/f$i t/e/h$i; done; ln -s ../a t/e/l; mkfifo t/p',
  `cp -a t copy; mv t/a/b t/e/; rm -r t/a; mkdir t/a; mv t/e/b/g1 t/a/; cp -al copy linked; rm -rf copy/a; mv linked/a/f1 linked/a/f2; echo more >> linked/e/h3
   find . -type f -newermt 2001-01-01 | wc -l; find . -links 2 | sort; mv t/e moved; rmdir t/a; rm -r t; rm -rf moved/b; ls -R`,
);
