#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the operations of one scenario on a mounted union: those that Node cannot do are most of them.

    agent.py BASE MOUNTPOINT BRANCH...      (branches are the directories BASE/BRANCH)

Reads one JSON object a line, `{"op": …}`, and answers each with a line `{"errno": null | "ENOENT", "ret": …}`. Descriptors
and mappings stay open, under the names that the scenario gives them, until `release`."""
import collections
import json
import os
import sys
import traceback

import acl
import calls
import tree
from tree import to_bytes, to_text

DT_NAMES = {0: 'UNKNOWN', 1: 'FIFO', 2: 'CHR', 4: 'DIR', 6: 'BLK', 8: 'REG', 10: 'LNK', 12: 'SOCK'}
REST_OF_FILE = 1 << 20


class Agent:
    def __init__(self, base, mountpoint, branches):
        self.base = base
        self.mountpoint = os.fsencode(mountpoint)
        self.branches = {name: os.fsencode(os.path.join(base, name)) for name in branches}
        self.describer = tree.Describer()
        self.fds = {}
        self.maps = {}

    def run(self, op):
        """One operation, as another user if it says so."""
        method = getattr(self, 'op_' + op['op'])
        try:
            with calls.acting_as(op.get('asuid'), op.get('asgid', op.get('asuid'))):
                ret = method(op)
        except OSError as error:
            return {'errno': calls.error_name(error.errno)}
        return {'errno': None} if ret is None else {'errno': None, 'ret': ret}

    def path(self, text):
        """Relative to the mount; `@rw/x` is in the branch `rw`."""
        if text.startswith('@'):
            branch, _, rest = text[1:].partition('/')
            return os.path.normpath(os.path.join(self.branches[branch], to_bytes(rest)))
        return os.path.normpath(os.path.join(self.mountpoint, to_bytes(text)))

    # The frame of a scenario

    def op_setup(self, op):
        tree.make_entries(self.branches, op['entries'])
        self.describer.mark()

    def op_release(self, _):
        for mapping in self.maps.values():
            mapping.close()
        for fd in self.fds.values():
            os.close(fd)
        self.maps.clear()
        self.fds.clear()

    def op_dump(self, op):
        root = self.branches[op['branch']] if 'branch' in op else self.mountpoint
        entries = self.describer.tree(root)
        for entry in entries:
            for key in ('err', 'content_err'):
                if key in entry:
                    entry[key] = calls.error_name(entry[key])
        return entries

    # Paths

    def op_lstat(self, op):
        return self.describer.node(os.lstat(self.path(op['path'])))

    def op_devs(self, op):
        path = self.path(op['path'])
        st = os.lstat(path)
        found = {'dev_is_mount_root': st.st_dev == os.lstat(self.mountpoint).st_dev, 'raw_ino': str(st.st_ino)}
        for name, root in self.branches.items():
            try:
                raw = os.lstat(os.path.normpath(os.path.join(root, to_bytes(op['path']))))
            except OSError:
                continue
            found[f'ino_equals_{name}'] = raw.st_ino == st.st_ino
            found[f'dev_equals_{name}'] = raw.st_dev == st.st_dev
        return found

    def op_cat(self, op):
        fd = os.open(self.path(op['path']), os.O_RDONLY)
        try:
            return to_text(calls.read_all(fd))
        finally:
            os.close(fd)

    def op_put(self, op):
        names = op.get('flags')
        flags = os.O_WRONLY | (calls.open_flags(names) if names else os.O_CREAT | os.O_TRUNC)
        fd = os.open(self.path(op['path']), flags, int(op.get('mode', '0644'), 8))
        try:
            calls.write_all(fd, tree.content(op.get('data', '')))
        finally:
            os.close(fd)

    def op_readdir(self, op):
        path = self.path(op['path'])
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            entries = calls.read_directory(fd)
        finally:
            os.close(fd)
        listed = [{'name': to_text(name), 'd_type': DT_NAMES[kind]} for name, kind, _ in entries]
        if op.get('ino'):
            for item, (name, _, ino) in zip(listed, entries):
                item['d_ino_eq_st_ino'] = ino == os.lstat(os.path.join(path, name)).st_ino
        return listed

    def op_readlink(self, op):
        return to_text(os.readlink(self.path(op['path'])))

    def op_access(self, op):
        return os.access(self.path(op['path']), {'r': os.R_OK, 'w': os.W_OK, 'x': os.X_OK}[op['how']])

    def op_statfs(self, op):
        ours = os.statvfs(self.path(op['path']))
        found = {'bsize': ours.f_bsize, 'namelen': ours.f_namemax}
        for name, root in self.branches.items():
            raw = os.statvfs(root)
            pairs = {'blocks': 'f_blocks', 'bfree': 'f_bfree', 'files': 'f_files', 'ffree': 'f_ffree'}
            found[f'equals_{name}'] = {key: getattr(raw, f) == getattr(ours, f) for key, f in pairs.items()}
        return found

    def op_unlink(self, op):
        os.unlink(self.path(op['path']))

    def op_rmdir(self, op):
        os.rmdir(self.path(op['path']))

    def op_rmtree(self, op):
        calls.remove_tree(self.path(op['path']))

    def op_mkdir(self, op):
        os.mkdir(self.path(op['path']), int(op.get('mode', '0755'), 8))

    def op_mknod(self, op):
        os.mknod(self.path(op['path']), calls.NODE_TYPES[op['type']] | int(op.get('mode', '0644'), 8))

    def op_symlink(self, op):
        os.symlink(to_bytes(op['target']), self.path(op['path']))

    def op_link(self, op):
        os.link(self.path(op['from']), self.path(op['to']), follow_symlinks=False)

    def op_rename(self, op):
        os.rename(self.path(op['from']), self.path(op['to']))

    def op_truncate(self, op):
        os.truncate(self.path(op['path']), op['len'])

    def op_chmod(self, op):
        os.chmod(self.path(op['path']), int(op['mode'], 8))

    def op_chown(self, op):
        os.chown(self.path(op['path']), op['uid'], op['gid'], follow_symlinks=False)

    def op_utimens(self, op):
        os.utime(self.path(op['path']), (op['atime'], op['mtime']), follow_symlinks=False)

    def op_listxattr(self, op):
        return os.listxattr(self.path(op['path']), follow_symlinks=False)

    def op_getxattr(self, op):
        return to_text(os.getxattr(self.path(op['path']), op['name'], follow_symlinks=False))

    def op_setxattr(self, op):
        flags = {None: 0, 'create': os.XATTR_CREATE, 'replace': os.XATTR_REPLACE}[op.get('how')]
        value = to_bytes(op['value'])
        os.setxattr(self.path(op['path']), op['name'], value, flags, follow_symlinks=False)

    def op_removexattr(self, op):
        os.removexattr(self.path(op['path']), op['name'], follow_symlinks=False)

    def op_getfacl(self, op):
        return acl.lines(self.path(op['path']))

    def op_setfacl(self, op):
        assert op['args'][0] == '-m'
        acl.modify(self.path(op['path']), op['args'][1])
        return {'rc': 0, 'err': ''}

    # Descriptors and mappings

    def op_open(self, op):
        self.fds[op['as']] = os.open(self.path(op['path']), calls.open_flags(op['flags']), 0o644)

    def op_opendir(self, op):
        self.fds[op['as']] = os.open(self.path(op['path']), os.O_RDONLY | os.O_DIRECTORY)

    def op_getdents(self, op):
        return [to_text(name) for name, _, _ in calls.read_directory(self.fds[op['fd']])]

    def op_close(self, op):
        os.close(self.fds.pop(op['fd']))

    def op_fstat(self, op):
        return self.describer.node(os.fstat(self.fds[op['fd']]))

    def op_read(self, op):
        fd, count = self.fds[op['fd']], op.get('len', REST_OF_FILE)
        return to_text(os.pread(fd, count, op['off']) if 'off' in op else os.read(fd, count))

    def op_write(self, op):
        fd, data = self.fds[op['fd']], tree.content(op['data'])
        return os.pwrite(fd, data, op['off']) if 'off' in op else os.write(fd, data)

    def op_ftruncate(self, op):
        os.ftruncate(self.fds[op['fd']], op['len'])

    def op_fchmod(self, op):
        os.fchmod(self.fds[op['fd']], int(op['mode'], 8))

    def op_linkfd(self, op):
        calls.link_open_file(self.fds[op['fd']], self.path(op['to']))

    def op_fallocate(self, op):
        calls.fallocate(self.fds[op['fd']], op.get('how'), op['off'], op['len'])

    def op_extents(self, op):
        return tree.extents(self.fds[op['fd']])

    def op_flock(self, op):
        calls.flock(self.fds[op['fd']], op['how'])

    def op_setlk(self, op):
        calls.set_lock(self.fds[op['fd']], op['how'])

    def op_mmap(self, op):
        self.maps[op['as']] = calls.map_shared(self.fds[op['fd']], op['len'], op.get('write', False))

    def op_mread(self, op):
        return to_text(self.maps[op['map']][:op['len']])

    def op_mwrite(self, op):
        data = to_bytes(op['data'])
        self.maps[op['map']][:len(data)] = data

    def op_msync(self, op):
        self.maps[op['map']].flush()

    # Processes

    def op_child(self, op):
        return calls.in_children(1, lambda _: [self.run(inner) for inner in op['ops']])[0]

    def op_parallel(self, op):
        return calls.in_children(op['n'], lambda i: [self.run(numbered(inner, i)) for inner in op['ops']])

    def op_repeat(self, op):
        seen = collections.Counter()
        for i in range(op['n']):
            for inner in op['ops']:
                seen[str(self.run(numbered(inner, i))['errno'])] += 1
        return dict(seen)

    def op_exec(self, op):
        found = calls.run_program([self.path(op['path']), *op['args']])
        return {'rc': found['rc'], 'out': found['out']}

    def op_sh(self, op):
        found = calls.run_program(['/bin/sh', '-c', op['cmd']], {**os.environ, 'BASE': self.base})
        return {**found, 'out': found['out'].replace(self.base, 'BASE')}

    def op_sync(self, _):
        os.sync()

    def op_sleep(self, op):
        calls.sleep(op['s'])

    def op_drop_caches(self, _):
        calls.drop_caches()


def numbered(value, number):
    """With `%i` replaced by the number. The outermost of nested ones decides, as in the recording."""
    if isinstance(value, str):
        return value.replace('%i', str(number))
    if isinstance(value, list):
        return [numbered(inner, number) for inner in value]
    return {key: numbered(inner, number) for key, inner in value.items()} if isinstance(value, dict) else value


def main():
    os.umask(0o022)
    agent = Agent(sys.argv[1], sys.argv[2], sys.argv[3:])
    for line in sys.stdin:
        try:
            answer = agent.run(json.loads(line))
        except Exception:  # a fault of the agent itself; the scenario fails with it
            answer = {'fault': traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
