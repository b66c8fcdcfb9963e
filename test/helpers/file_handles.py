# SPDX-License-Identifier: MIT
"""File handles, as an NFS server uses them. Found by tests through PYTHONPATH; all paths are below the working directory."""
import ctypes
import errno
import os

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100


class Handle(ctypes.Structure):
    _fields_ = [('bytes', ctypes.c_uint), ('type', ctypes.c_int), ('data', ctypes.c_ubyte * 128)]

    def __eq__(self, other):
        return self.text() == other.text()

    def text(self):
        return self.type, bytes(self.data[: self.bytes])


def handle_of(path):
    handle, mount = Handle(128, 0), ctypes.c_int()
    if LIBC.name_to_handle_at(AT_FDCWD, os.fsencode(path), ctypes.byref(handle), ctypes.byref(mount), 0) != 0:
        raise OSError(ctypes.get_errno(), path)
    return handle


def open_handle(handle, flags=os.O_RDONLY):
    root = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
    fd = LIBC.open_by_handle_at(root, ctypes.byref(handle), flags)
    code = ctypes.get_errno()
    os.close(root)
    if fd < 0:
        raise OSError(code, 'open_by_handle_at')
    return fd


def content(handle):
    """What is read through a handle: data, names of a directory, or the name of the errno."""
    try:
        fd = open_handle(handle)
    except OSError as error:
        return errno.errorcode[error.errno]
    try:
        if os.path.isdir(f'/proc/self/fd/{fd}'):
            return sorted(os.listdir(fd))
        return os.read(fd, 1 << 16).decode()
    finally:
        os.close(fd)


def path_of(handle):
    """Where the kernel says that a directory is."""
    fd = open_handle(handle)
    try:
        return os.path.relpath(os.readlink(f'/proc/self/fd/{fd}'), os.getcwd())
    finally:
        os.close(fd)


def drop_caches():
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w') as file:
        file.write('2\n')
