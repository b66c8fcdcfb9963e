# SPDX-License-Identifier: MIT
"""Makes the entries of a scenario's set-up, and describes files and trees in the scenarios' own terms."""
import hashlib
import os
import stat
import time

import acl

SETUP_EPOCH = 1000000000  # mtime of entry number 0
SETUP_END = 1700000000  # every time that a scenario sets is before this one
WHOLE_CONTENT = 128  # longer contents are described by their sha256
TYPES = {stat.S_IFREG: 'file', stat.S_IFDIR: 'dir', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo',
         stat.S_IFSOCK: 'sock', stat.S_IFCHR: 'chr', stat.S_IFBLK: 'blk'}


def to_bytes(text):
    """A text of a scenario: `hex:…` is raw bytes, everything else UTF-8."""
    return bytes.fromhex(text[4:]) if text.startswith('hex:') else text.encode()


def to_text(raw):
    try:
        text = raw.decode()
        if text.isprintable() and not text.startswith('hex:'):
            return text
    except UnicodeDecodeError:
        pass
    return 'hex:' + raw.hex()


def content(value):
    """Bytes of a `content` or `data`: a text, {fill, len} or {prng, len} (see the README of the scenarios)."""
    if isinstance(value, str):
        return to_bytes(value)
    if 'fill' in value:
        unit = to_bytes(value['fill'])
        return (unit * (value['len'] // len(unit) + 1))[:value['len']]
    block = b''.join(hashlib.sha256(f"{value['prng']}:{i}".encode()).digest() for i in range(2048))
    count = value['len'] // len(block) + 1
    return b''.join(k.to_bytes(8, 'big') + block[8:] for k in range(count))[:value['len']]


def make_entries(branches, entries):
    """Times are set last, because making an entry changes the time of its directory."""
    times = []
    number = 0
    for entry in entries:
        path = os.path.join(branches[entry['b']], to_bytes(entry['p']))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        kind = entry['t']
        if kind in ('wh', 'opq'):
            _make_marker(path, kind)
            continue
        if kind == 'link':
            os.link(os.path.join(branches[entry['b']], to_bytes(entry['to'])), path, follow_symlinks=False)
        elif kind == 'many':
            for i in range(entry['n']):
                _write(path + b'%05d' % i, content(entry.get('content', '')))
        else:
            _make(path, kind, entry)
            _dress(path, kind, entry)
            mtime = entry.get('mtime', SETUP_EPOCH + number)
            times.append((path, (mtime - 1000, mtime)))
        number += 1
    for path, both in times:
        os.utime(path, both, follow_symlinks=False)


def _make_marker(path, kind):
    if kind == 'opq':
        os.makedirs(path, exist_ok=True)
        path = os.path.join(path, b'.wh..wh..opq')
    else:
        path = os.path.join(os.path.dirname(path), b'.wh.' + os.path.basename(path))
    _write(path, b'')
    os.chmod(path, 0o444)


def _make(path, kind, entry):
    if kind == 'dir':
        os.makedirs(path, exist_ok=True)
    elif kind == 'symlink':
        os.symlink(to_bytes(entry['target']), path)
    elif kind == 'file' and 'sparse' in entry:
        with open(path, 'wb') as file:
            for offset, data in entry['sparse']['data']:
                file.seek(offset)
                file.write(to_bytes(data))
            file.truncate(entry['sparse']['size'])
    elif kind == 'file':
        _write(path, content(entry.get('content', '')))
    else:
        mode = {'fifo': stat.S_IFIFO, 'sock': stat.S_IFSOCK, 'chr': stat.S_IFCHR, 'blk': stat.S_IFBLK}[kind]
        os.mknod(path, mode | 0o644, os.makedev(*entry.get('rdev', (1, 3))))


def _dress(path, kind, entry):
    if 'uid' in entry or 'gid' in entry:
        os.chown(path, entry.get('uid', -1), entry.get('gid', -1), follow_symlinks=False)
    if 'mode' in entry:
        os.chmod(path, int(entry['mode'], 8))
    elif kind in ('dir', 'file'):
        os.chmod(path, 0o755 if kind == 'dir' else 0o644)
    for name, value in entry.get('xattr', {}).items():
        os.setxattr(path, name, to_bytes(value), follow_symlinks=False)
    if 'acl' in entry:
        acl.modify(path, entry['acl'])


def _write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


class Describer:
    """`mounted_at` divides what happened at set-up from what happened after it."""

    def __init__(self):
        self.mounted_at = float('inf')

    def mark(self):
        # The kernel stamps files with a clock that stands still for up to a tick (10 ms at worst).
        time.sleep(0.02)
        self.mounted_at = time.time()
        time.sleep(0.02)

    def node(self, st):
        return {'type': TYPES[stat.S_IFMT(st.st_mode)], 'mode': f'{stat.S_IMODE(st.st_mode):04o}',
                'uid': st.st_uid, 'gid': st.st_gid, 'size': st.st_size, 'nlink': st.st_nlink,
                'mtime': self._time(st.st_mtime_ns), 'ino': str(st.st_ino)}  # JSON's numbers are too short

    def _time(self, ns):
        if ns < SETUP_END * 10**9:
            # A fraction would mean that a copy_up lost or invented one.
            return ns // 10**9 if ns % 10**9 == 0 else ns / 10**9
        return 'setup' if ns / 10**9 < self.mounted_at else 'now'

    def tree(self, root):
        entries = []
        self._walk(root, b'.', entries)
        return sorted(entries, key=lambda entry: to_bytes(entry['path']))

    def _walk(self, root, relative, entries):
        path = os.path.normpath(os.path.join(root, relative))
        entry = {'path': to_text(os.path.normpath(relative))}
        entries.append(entry)
        try:
            st = os.lstat(path)
            entry.update(self.node(st))
            self._look_inside(path, st, entry)
            names = os.listdir(path) if stat.S_ISDIR(st.st_mode) else []
        except OSError as error:
            entry['err'] = error.errno
            return
        for name in names:
            self._walk(root, os.path.join(relative, name), entries)

    @staticmethod
    def _look_inside(path, st, entry):
        if stat.S_ISLNK(st.st_mode):
            entry['target'] = to_text(os.readlink(path))
        names = os.listxattr(path, follow_symlinks=False)
        values = {name: to_text(os.getxattr(path, name, follow_symlinks=False)) for name in names}
        if values:
            entry['xattrs'] = values
        if not stat.S_ISREG(st.st_mode):
            return
        try:
            with open(path, 'rb') as file:
                data = file.read()
                entry['data'] = extents(file.fileno()) if len(data) > 65536 else None
        except OSError as error:
            entry['content_err'] = error.errno
            return
        digest = hashlib.sha256(data).hexdigest()
        entry['content'] = to_text(data) if len(data) <= WHOLE_CONTENT else f'sha256:{digest}:{len(data)}'


def extents(fd):
    """[start, end] of each part of the file that is no hole."""
    size, at, found = os.fstat(fd).st_size, 0, []
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            break
        at = os.lseek(fd, start, os.SEEK_HOLE)
        found.append([start, at])
    return found
