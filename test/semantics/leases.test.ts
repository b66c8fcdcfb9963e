// SPDX-License-Identifier: MIT
// Leases (fcntl(2), F_SETLEASE) of files that get copied up: who may take one, and whom it stops.
import { alike } from '../helpers/mounted.ts';

/** `lease(fd, kind)`, `other(expression)` evaluates in another process, `broken` counts the signals of the kernel. */
const TOOLS = `
import errno, fcntl, os, signal, sys, time
kinds = {'read': fcntl.F_RDLCK, 'write': fcntl.F_WRLCK, 'none': fcntl.F_UNLCK}
broken = []
signal.signal(signal.SIGIO, lambda *_: broken.append(1))
def lease(fd, kind):
    try: fcntl.fcntl(fd, fcntl.F_SETLEASE, kinds[kind]); return 'ok'
    except OSError as e: return errno.errorcode[e.errno]
def held(fd): return [k for k, v in kinds.items() if v == fcntl.fcntl(fd, fcntl.F_GETLEASE)][0]
def attempt(path, flags):
    try: os.close(os.open(path, flags | os.O_NONBLOCK)); return 'ok'
    except OSError as e: return errno.errorcode[e.errno]
def other(path, flags):
    sys.stdout.flush(); pid = os.fork()
    if pid == 0: print(attempt(path, flags)); sys.stdout.flush(); os._exit(0)
    os.waitpid(pid, 0)
`;

alike(
  'a lease for reading is taken, stops a writer, and is not to be had while somebody writes',
  {},
  'echo one > f; echo two > g',
  `python3 -c "${TOOLS}
r = os.open('f', os.O_RDONLY)
print(lease(r, 'read'), held(r)); other('f', os.O_RDONLY); print(len(broken))
other('f', os.O_WRONLY); print(len(broken), held(r))
print(lease(r, 'none')); other('f', os.O_WRONLY)
w = os.open('f', os.O_RDWR); print(lease(r, 'read')); os.write(w, b'ONE'); print(lease(r, 'read'), lease(w, 'read')); os.close(w)
print(os.pread(r, 9, 0), lease(r, 'read'), held(r)); other('f', os.O_WRONLY | os.O_TRUNC); print(lease(r, 'none'))
print(os.pread(r, 9, 0)); os.unlink('f'); print(lease(r, 'read'), held(r))"`,
);

alike(
  "a lease for writing is the only opener's, and stops everybody",
  {},
  'echo one > f',
  `python3 -c "${TOOLS}
w = os.open('f', os.O_RDWR)
r = os.open('f', os.O_RDONLY); print(lease(w, 'write')); os.close(r)
print(lease(w, 'write'), held(w)); other('f', os.O_RDONLY); print(len(broken))
print(lease(w, 'none')); os.write(w, b'ONE'); print(lease(w, 'write'), held(w))
other('f', os.O_WRONLY); print(lease(w, 'none')); other('f', os.O_RDONLY)
print(lease(w, 'read')); os.close(w); r = os.open('f', os.O_RDONLY); print(lease(r, 'write'), lease(r, 'read'), held(r))"`,
);

alike(
  'an opener waits until the lease of a copied file is given back, and then writes',
  {},
  'echo one > f',
  `python3 -c "${TOOLS}
w = os.open('f', os.O_RDWR); os.write(w, b'ONE'); os.close(w)
r = os.open('f', os.O_RDONLY); print(lease(r, 'read'))
sys.stdout.flush(); pid = os.fork()
if pid == 0:
    os.close(r); fd = os.open('f', os.O_WRONLY); os.write(fd, b'two'); os._exit(0)
while not broken: time.sleep(0.01)
print('asked', os.pread(r, 9, 0)); print(lease(r, 'none')); os.waitpid(pid, 0); print(os.pread(r, 9, 0))"`,
);

alike(
  'file sizes, owners and modes can be changed under a lease for reading',
  {},
  'echo one > f',
  `python3 -c "${TOOLS}
r = os.open('f', os.O_RDONLY); print(lease(r, 'read'))
os.chmod('f', 0o600); os.utime('f', (1, 2)); print(len(broken), held(r)); os.link('f', 'h'); os.rename('f', 'm'); print(len(broken), held(r))
print(os.fstat(r).st_nlink, attempt('h', os.O_WRONLY))"`,
);
