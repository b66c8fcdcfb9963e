# SPDX-License-Identifier: MIT
"""Trees with everything that an archive can hold.

  make DIR [plain]   fills the directory; plain: only what every tar format can hold
  facts DIR [WHAT]   a line of JSON for each entry, sorted; WHAT names what is left out: xattrs, nanoseconds, links
"""
import hashlib
import json
import os
import stat
import sys

NOW = 1_600_000_000


def write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    os.chmod(path, mode)


def make(root, plain):
    at = lambda *names: os.path.join(root, *names)
    write(at('file'), b'content\n')
    write(at('empty'), b'')
    write(at('block'), b'x' * 512)
    write(at('big'), bytes(range(256)) * 3000)
    write(at('d/e/f/deep'), b'1', 0o600)
    write(at('d/setuid'), b'#!', 0o4755)
    write(at('.wh.gone'), b'', 0o444)
    write(at('d/.wh..wh..opq'), b'', 0o444)
    write(at('d/-dash'), b'')
    os.mkdir(at('void'))
    os.chmod(at('void'), 0o1777)
    os.symlink('file', at('symlink'))
    os.symlink('../../../nowhere', at('dangling'))
    os.link(at('file'), at('d/second'))
    os.mkfifo(at('fifo'), 0o640)
    write(at('n' * 90, 'm' * 90), b'split')
    if not plain:
        write(at('l' * 200, 'k' * 200, 'j' * 200), b'long')
        os.symlink('t' * 300, at('longlink'))
        write(at('\u00e4\u00f6\u00fc/\u2603'), b'snow')
        write(os.fsencode(at('bytes')) + b'\xff\xfe', b'no text')
        write(at('new\nline'), b'')
        with open(at('sparse'), 'wb') as file:
            file.truncate(3 << 20)
            file.seek(1 << 20)
            file.write(b'middle')
        for key, value in (('user.text', b'value'), ('user.bytes', b'\0\1=\n\xff'), ('user.a=b', b'1')):
            try:
                os.setxattr(at('file'), key, value)
                os.setxattr(at('d'), key, value)
            except OSError:
                pass
        if os.getuid() == 0:
            cap = b'\1\0\0\2' + b'\0\x20' + b'\0' * 14
            os.setxattr(at('d/e/f/deep'), 'security.capability', cap)
            os.chown(at('big'), 3_000_000, 70_000)
    if os.getuid() == 0:
        os.mknod(at('null'), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(at('loop'), 0o600 | stat.S_IFBLK, os.makedev(7, 200))
        os.chown(at('empty'), 1234, 4321)
        os.chown(at('symlink'), 7, 8, follow_symlinks=False)
    times = 0
    for folder, folders, files in os.walk(root, topdown=False):
        for name in files + folders:
            times += 1
            ns = NOW * 10**9 + times * 10**9 + (0 if plain else times * 1001)
            os.utime(os.path.join(folder, name), ns=(ns, ns), follow_symlinks=False)


def facts(root, without):
    seen = {}
    root = os.fsencode(root)
    for folder, folders, files in sorted(os.walk(root)):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            st = os.lstat(path)
            line = {
                'path': os.path.relpath(path, root).decode('latin1'),
                'mode': oct(st.st_mode),
                'owner': [st.st_uid, st.st_gid],
                'mtime': st.st_mtime_ns // 10**9 if 'nanoseconds' in without else st.st_mtime_ns,
            }
            if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1 and 'links' not in without:
                line['same'] = seen.setdefault(st.st_ino, line['path'])
            if stat.S_ISLNK(st.st_mode):
                line['link'] = os.readlink(path).decode('latin1')
            if stat.S_ISREG(st.st_mode):
                with open(path, 'rb') as file:
                    line['data'] = [st.st_size, hashlib.sha256(file.read()).hexdigest()]
            if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
                line['device'] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
            if 'xattrs' not in without:
                keys = [key for key in os.listxattr(path, follow_symlinks=False) if not key.startswith('security.selinux')]
                line['xattrs'] = {key: os.getxattr(path, key, follow_symlinks=False).hex() for key in sorted(keys)}
            print(json.dumps(line))


if sys.argv[1] == 'make':
    make(sys.argv[2], 'plain' in sys.argv[3:])
else:
    facts(sys.argv[2], sys.argv[3:])
