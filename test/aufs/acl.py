# SPDX-License-Identifier: MIT
"""POSIX ACLs as setfacl(1) and getfacl(1) write them, without those programs. See acl(5); the bytes of the extended
attribute are those of linux/posix_acl_xattr.h."""
import errno
import os
import struct

ACCESS = 'system.posix_acl_access'
DEFAULT = 'system.posix_acl_default'
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NAMES = {USER_OBJ: 'user', USER: 'user', GROUP_OBJ: 'group', GROUP: 'group', MASK: 'mask', OTHER: 'other'}
TAGS = {'u': (USER_OBJ, USER), 'g': (GROUP_OBJ, GROUP), 'm': (MASK, MASK), 'o': (OTHER, OTHER)}
NO_ID = 0xFFFFFFFF


def read(path, attribute):
    """{(tag, id): permissions}, or None where there is no such ACL."""
    try:
        raw = os.getxattr(path, attribute)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
    return {(tag, who): perm for tag, perm, who in struct.iter_unpack('<HHI', raw[4:])}


def write(path, attribute, acl):
    entries = b''.join(struct.pack('<HHI', tag, perm, who) for (tag, who), perm in sorted(acl.items()))
    os.setxattr(path, attribute, struct.pack('<I', 2) + entries)


def from_mode(path):
    mode = os.stat(path).st_mode
    return {(USER_OBJ, NO_ID): mode >> 6 & 7, (GROUP_OBJ, NO_ID): mode >> 3 & 7, (OTHER, NO_ID): mode & 7}


def modify(path, spec):
    """`setfacl -m spec`: u:1234:rw,d:g:99:r …; the mask becomes the union of what it limits."""
    changes = {}
    for item in spec.split(','):
        words = item.split(':')
        attribute = DEFAULT if words[0] == 'd' else ACCESS
        kind, who, perms = words[-3:]
        tag = TAGS[kind[0]][1 if who else 0]
        value = sum({'r': 4, 'w': 2, 'x': 1}[letter] for letter in perms if letter != '-')
        changes.setdefault(attribute, {})[(tag, int(who) if who else NO_ID)] = value
    for attribute, entries in changes.items():
        acl = read(path, attribute) or from_mode(path)
        acl.update(entries)
        if (MASK, NO_ID) not in entries:
            limited = [perm for (tag, _), perm in acl.items() if tag in (USER, GROUP_OBJ, GROUP)]
            acl[(MASK, NO_ID)] = limited[0] if len(limited) == 1 else _union(limited)
        write(path, attribute, acl)


def _union(perms):
    total = 0
    for perm in perms:
        total |= perm
    return total


def _letters(perm):
    return ''.join(letter if perm & bit else '-' for letter, bit in (('r', 4), ('w', 2), ('x', 1)))


def lines(path):
    """What `getfacl --omit-header --numeric` prints."""
    shown = []
    for attribute, prefix in ((ACCESS, ''), (DEFAULT, 'default:')):
        acl = read(path, attribute)
        if acl is None:
            if prefix:
                continue
            acl = from_mode(path)
        mask = acl.get((MASK, NO_ID), 7)
        for (tag, who), perm in sorted(acl.items()):
            line = f"{prefix}{NAMES[tag]}:{'' if who == NO_ID else who}:"
            if tag in (MASK, OTHER):
                line = f'{prefix}{NAMES[tag]}::'
            line += _letters(perm)
            if tag in (USER, GROUP_OBJ, GROUP) and perm & ~mask:
                line += '\t#effective:' + _letters(perm & mask)
            shown.append(line)
    return shown
