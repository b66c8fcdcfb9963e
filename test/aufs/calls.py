# SPDX-License-Identifier: MIT
"""System calls that the agent makes, where the standard library of Python has none or a different one."""
import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import stat
import subprocess
import time

libc = ctypes.CDLL(None, use_errno=True)
NODE_TYPES = {'fifo': stat.S_IFIFO, 'sock': stat.S_IFSOCK, 'file': stat.S_IFREG}
FALLOCATE_MODES = {None: 0, 'keep': 1, 'punch': 3, 'collapse': 8, 'zero': 16}  # linux/falloc.h
LOCKS = {'ex': fcntl.LOCK_EX, 'sh': fcntl.LOCK_SH, 'un': fcntl.LOCK_UN}
BLOCK = 1 << 20
SMALLEST_PIECE = 4096
sleep = time.sleep


def error_name(number):
    return {errno.EOPNOTSUPP: 'ENOTSUP'}.get(number, errno.errorcode.get(number, str(number)))


def open_flags(names):
    flags = os.O_CLOEXEC
    for name in names:
        flags |= getattr(os, name)
    return flags


@contextlib.contextmanager
def acting_as(uid, gid):
    """As an ordinary user: no supplementary groups, no capabilities."""
    if uid is None:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def read_all(fd):
    parts = []
    while part := os.read(fd, BLOCK):
        parts.append(part)
    return b''.join(parts)


def link_open_file(fd, path):
    """Without a directory os.link would use link(2), which does not follow the symlink."""
    here = os.open('/', os.O_PATH)
    try:
        os.link(f'/proc/self/fd/{fd}', path, src_dir_fd=here, follow_symlinks=True)
    finally:
        os.close(here)


def write_all(fd, data):
    """To the last byte that the disk takes: a recent ext4 refuses a big piece where it would take part of it."""
    rest, piece = memoryview(data), len(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest[:piece]):]
        except OSError as error:
            if error.errno != errno.ENOSPC or piece <= SMALLEST_PIECE:
                raise
            piece //= 2


class Dirent(ctypes.Structure):
    _fields_ = [('d_ino', ctypes.c_uint64), ('d_off', ctypes.c_int64), ('d_reclen', ctypes.c_uint16),
                ('d_type', ctypes.c_uint8), ('d_name', ctypes.c_char * 256)]


def read_directory(fd):
    """(name, d_type, d_ino) of all entries, `.` and `..` too, which os.scandir leaves out."""
    libc.fdopendir.restype = ctypes.c_void_p
    libc.readdir64.restype = ctypes.POINTER(Dirent)
    stream = ctypes.c_void_p(libc.fdopendir(os.dup(fd)))
    libc.rewinddir(stream)
    entries = []
    try:
        while True:
            ctypes.set_errno(0)
            entry = libc.readdir64(stream)
            if not entry:
                break
            entries.append((entry.contents.d_name, entry.contents.d_type, entry.contents.d_ino))
        # The C library takes the ENOENT of a removed directory for its end; the system call tells.
        if ctypes.get_errno() or not entries:
            code = ctypes.get_errno() or errno.ENOENT
            raise OSError(code, os.strerror(code))
    finally:
        libc.closedir(stream)
    return entries


def remove_tree(path):
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    for name in os.listdir(path):
        remove_tree(os.path.join(path, name))
    os.rmdir(path)


def fallocate(fd, how, offset, length):
    mode = ctypes.c_int(FALLOCATE_MODES[how])
    if libc.fallocate64(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)) != 0:
        raise OSError(ctypes.get_errno(), 'fallocate')


def flock(fd, how):
    fcntl.flock(fd, LOCKS[how] | fcntl.LOCK_NB)


def set_lock(fd, how):
    fcntl.lockf(fd, LOCKS[how] | fcntl.LOCK_NB)


def map_shared(fd, length, writable):
    access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    return mmap.mmap(fd, length, mmap.MAP_SHARED, access)


def in_children(count, work):
    """What `work(i)` returns in each of `count` processes, which start together."""
    gate_read, gate_write = os.pipe()
    pipes = []
    for i in range(count):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(gate_write)
                os.read(gate_read, 1)  # returns when the parent closes the gate
                with os.fdopen(write_end, 'w') as out:
                    json.dump(work(i), out)
                status = 0
            finally:
                os._exit(status)
        os.close(write_end)
        pipes.append((pid, read_end))
    os.close(gate_read)
    os.close(gate_write)
    results = []
    for pid, read_end in pipes:
        with os.fdopen(read_end) as answer:
            results.append(json.load(answer))
        os.waitpid(pid, 0)
    return results


def run_program(command, env=None):
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    return {'rc': done.returncode, 'out': done.stdout.decode(), 'err': done.stderr.decode()}


def drop_caches():
    """What the kernel remembers of names and inodes; where that is not allowed there is nothing to do."""
    with contextlib.suppress(OSError):
        with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as control:
            control.write('3')
