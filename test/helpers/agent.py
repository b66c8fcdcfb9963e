#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes system calls below a directory, for tests that do the same on a union and on a plain directory.

    agent.py ROOT

Reads one JSON object a line, `{"op": "rename", "path": …, "to": …}`, and answers each with one line of JSON: what the call
told, or the name of its errno. Answers hold nothing that differs from one file system to the next: no inode or device
numbers, no times of now. Descriptors, mappings and open directories are kept in slots until `release`."""
import ctypes
import errno
import json
import mmap
import os
import stat
import sys
import zlib

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
LONG_AGO = 1_500_000_000  # times before this were set by the test and must be kept to the nanosecond

files, maps, directories = {}, {}, {}


def check(returned):
    if returned < 0:
        raise OSError(ctypes.get_errno(), 'call')
    return returned


def tell(st):
    kind = stat.S_IFMT(st.st_mode)
    told = {'type': oct(kind), 'mode': oct(stat.S_IMODE(st.st_mode)), 'uid': st.st_uid, 'gid': st.st_gid}
    if not stat.S_ISFIFO(kind):  # what goes through a fifo moves its times, but not those on disk
        told['mtime'] = str(st.st_mtime_ns) if st.st_mtime < LONG_AGO else 'now'
    if not stat.S_ISDIR(kind):
        told.update(nlink=st.st_nlink, size=st.st_size)
    return told


def digest(data):
    return f'{len(data)}:{zlib.crc32(data):08x}'


def text(op):
    return (op['text'] * (op['size'] // len(op['text']) + 1))[: op['size']].encode()


def path(op, key='path'):
    return os.fsencode(op[key])


def flags(op):
    value = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    for name in op['flags'].split('|'):
        value |= getattr(os, name)
    return value


def put(op):
    fd = os.open(path(op), flags(op), op.get('mode', 0o644))
    try:
        os.write(fd, text(op))
    finally:
        os.close(fd)


def cat(op):
    fd = os.open(path(op), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a fifo must not keep us
    try:
        parts = []
        while part := os.read(fd, 1 << 20):
            parts.append(part)
        return digest(b''.join(parts))
    finally:
        os.close(fd)


def listing(where):
    return sorted((os.fsencode(entry.name).decode('latin1'), entry.is_dir(follow_symlinks=False))
                  for entry in os.scandir(where))


def open_slot(op):
    close_slot(op)
    files[op['slot']] = os.open(path(op), flags(op), op.get('mode', 0o644))


def close_slot(op):
    fd = files.pop(op['slot'], None)
    if fd is not None:
        os.close(fd)


def map_slot(op):
    unmap_slot(op)
    access = mmap.PROT_READ | (mmap.PROT_WRITE if op.get('write') else 0)
    if os.fstat(files[op['slot']]).st_size < op['size']:
        raise OSError(errno.EINVAL, 'mmap')
    held = mmap.mmap(files[op['slot']], op['size'], mmap.MAP_SHARED, access)
    maps[op['slot']] = held, os.dup(files[op['slot']])


def unmap_slot(op):
    held = maps.pop(op['slot'], None)
    if held is not None:
        held[0].close()
        os.close(held[1])


def mapping(op):
    """Whole pages beyond the end of the file would be the end of us (SIGBUS)."""
    held, fd = maps[op['slot']]
    if os.fstat(fd).st_size < len(held):
        raise OSError(errno.EFAULT, 'mapping')
    return held


def write_map(op):
    held = mapping(op)
    data = text(op)[: len(held)]
    held[: len(data)] = data
    held.flush()


def open_directory(op):
    close_directory(op)
    directories[op['slot']] = os.open(path(op), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def close_directory(op):
    fd = directories.pop(op['slot'], None)
    if fd is not None:
        os.close(fd)


def release(_):
    for held, fd in maps.values():
        held.close()
        os.close(fd)
    for fd in (*files.values(), *directories.values()):
        os.close(fd)
    for slots in (files, maps, directories):
        slots.clear()


def create_at(op):
    fd = os.open(path(op), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644, dir_fd=directories[op['slot']])
    os.close(fd)


def copy_range(op):
    return os.copy_file_range(files[op['slot']], files[op['into']], op['size'], op['at'], op['at_into'])


def rename2(op):
    check(LIBC.renameat2(AT_FDCWD, path(op), AT_FDCWD, path(op, 'to'), op['how']))


def link_slot(op):
    source = f'/proc/self/fd/{files[op["slot"]]}'.encode()
    check(LIBC.linkat(AT_FDCWD, source, AT_FDCWD, path(op, 'to'), 0x400))


def allocate(op):
    size = ctypes.c_int64(op['size'])
    check(LIBC.fallocate64(files[op['slot']], op['how'], ctypes.c_int64(op['at']), size))


def drop_caches(_):
    try:
        with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as control:
            control.write('2')
    except OSError:
        pass


def attributes(where):
    try:
        return sorted((key, os.getxattr(where, key, follow_symlinks=False).decode('latin1'))
                      for key in os.listxattr(where, follow_symlinks=False) if key.startswith('user.'))
    except OSError as error:  # a file system that has none
        if error.errno != errno.ENOTSUP:
            raise
        return []


def walk(where, found, inodes):
    """Everything below, depth first; which names are one file is told by the first of them."""
    for name, _ in listing(where.encode('latin1')):
        at = f'{where}/{name}'
        raw = at.encode('latin1')
        st = os.lstat(raw)
        told = tell(st)
        if stat.S_ISREG(st.st_mode):
            told['content'] = cat({'path': raw})
        elif stat.S_ISLNK(st.st_mode):
            told['target'] = os.readlink(raw).decode()
        if not stat.S_ISDIR(st.st_mode):
            told['same'] = inodes.setdefault(st.st_ino, at)
        told['xattrs'] = attributes(raw)
        found.append((at, told))
        if stat.S_ISDIR(st.st_mode):
            walk(at, found, inodes)
    return found


def identity(_):
    """For each path its inode number and whether a listing tells the same one; not comparable."""
    numbers = {}
    for where, _, _ in os.walk('.'):
        for entry in os.scandir(where):
            st = os.lstat(entry.path)
            numbers[entry.path] = [st.st_ino, entry.inode(), getattr(st, 'st_ctime_ns')]
    return numbers


CALLS = {
    'put': put,
    'cat': cat,
    'readdir': lambda op: listing(path(op)),
    'lstat': lambda op: tell(os.lstat(path(op))),
    'mkdir': lambda op: os.mkdir(path(op), op.get('mode', 0o755)),
    'rmdir': lambda op: os.rmdir(path(op)),
    'unlink': lambda op: os.unlink(path(op)),
    'mkfifo': lambda op: os.mkfifo(path(op)),
    'symlink': lambda op: os.symlink(op['text'], path(op)),
    'readlink': lambda op: os.readlink(path(op)).decode(),
    'link': lambda op: os.link(path(op), path(op, 'to'), follow_symlinks=False),
    'rename': lambda op: os.rename(path(op), path(op, 'to')),
    'rename2': rename2,
    'truncate': lambda op: os.truncate(path(op), op['size']),
    'chmod': lambda op: os.chmod(path(op), op['mode']),
    'utime': lambda op: os.utime(path(op), ns=(op['at'], op['at']), follow_symlinks=False),
    'setxattr': lambda op: os.setxattr(path(op), 'user.' + op['name'], op['text'].encode(), follow_symlinks=False),
    'removexattr': lambda op: os.removexattr(path(op), 'user.' + op['name'], follow_symlinks=False),
    'open': open_slot,
    'close': close_slot,
    'fstat': lambda op: tell(os.fstat(files[op['slot']])),
    'pread': lambda op: digest(os.pread(files[op['slot']], op['size'], op['at'])),
    'pwrite': lambda op: os.pwrite(files[op['slot']], text(op), op['at']),
    'append': lambda op: os.write(files[op['slot']], text(op)),
    'ftruncate': lambda op: os.ftruncate(files[op['slot']], op['size']),
    'fchmod': lambda op: os.fchmod(files[op['slot']], op['mode']),
    'fsync': lambda op: os.fsync(files[op['slot']]),
    'fallocate': allocate,
    'copy_range': copy_range,
    'linkfd': link_slot,
    'mmap': map_slot,
    'munmap': unmap_slot,
    'mread': lambda op: digest(mapping(op)[:]),
    'mwrite': write_map,
    'opendir': open_directory,
    'dread': lambda op: sorted(os.fsdecode(name) for name in os.listdir(directories[op['slot']])),
    'dcreate': create_at,
    'dunlink': lambda op: os.unlink(path(op), dir_fd=directories[op['slot']]),
    'dmkdir': lambda op: os.mkdir(path(op), dir_fd=directories[op['slot']]),
    'dlstat': lambda op: tell(os.stat(path(op), dir_fd=directories[op['slot']], follow_symlinks=False)),
    'release': release,
    'drop_caches': drop_caches,
    'chdir': lambda op: os.chdir(op['path']),
    'snapshot': lambda _: walk('.', [], {}),
    'identity': identity,
}


def answer(op):
    try:
        return CALLS[op['op']](op)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    except KeyError as error:
        if isinstance(error.args[0], int):
            return 'no such slot'
        raise
    except (ValueError, TypeError) as error:  # mmap's own
        return type(error).__name__


def main():
    os.umask(0o022)
    os.chdir(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), separators=(',', ':')), flush=True)


if __name__ == '__main__':
    main()
