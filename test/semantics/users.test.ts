// SPDX-License-Identifier: MIT
// Permissions, owners and what depends on who calls: each script does the same in a mount as in a plain directory.
import { alike } from '../helpers/mounted.ts';

const NEEDS = { root: true, programs: ['setpriv'] } as const;
const ACL = { root: true, programs: ['setpriv', 'setfacl', 'getfacl'] } as const;
/** Functions for the scripts: `as USER GROUP[,MORE] SCRIPT`, `try SCRIPT` (prints the exit status). */
const AS = `
as() { setpriv --reuid "$1" --regid "\${2%%,*}" --groups "$2" --inh-caps=-all --bounding-set=-all sh -c "exec 2>&1; $3"; echo "[$?]"; }
py() { as "$1" "$2" "python3 -c \\"
import os, errno
def attempt(name, *args, **kw):
    try: print(name, getattr(os, name)(*args, **kw) or 'ok')
    except OSError as e: print(name, errno.errorcode[e.errno])
$3\\""; }
`;

alike(
  'reading and searching as permissions say',
  NEEDS,
  'mkdir -p open/in shut/in x; echo 1 > open/in/f; echo 2 > shut/in/f; echo 3 > x/f; chmod 700 shut; chmod 711 x; echo 4 > none; chmod 0 none; echo g > group; chown 0:77 group; chmod 640 group',
  `${AS}
   as 1234 1234 'cat open/in/f; cat shut/in/f; ls x; cat x/f; cat none; cat group; ls shut; stat -c %a shut/in'
   as 1234 1234,77 'cat group'
   as 1234 77 'cat group'`,
);

alike(
  'writing as permissions say, and the copy keeps its owner',
  NEEDS,
  'mkdir d; echo 1 > d/all; echo 2 > d/group; echo 3 > d/mine; echo 4 > d/none; echo 5 > d/wonly; chown 55:66 d/all d/none; chown 55:77 d/group; chown 1234 d/mine; chmod 666 d/all; chmod 664 d/group; chmod 600 d/mine; chmod 644 d/none; chmod 222 d/wonly; chmod 755 d',
  `${AS}
   as 1234 1234,77 'echo x >> d/all; echo x >> d/group; echo x >> d/mine; echo x >> d/none; echo x >> d/wonly; cat d/wonly; : > d/all; touch d/new; rm -f d/mine; mv d/mine d/yours; ln d/mine d/link'
   stat -c '%n %u %g %a' d/*`,
);

alike(
  'only the owner changes mode, owner and times',
  NEEDS,
  'echo 1 > theirs; echo 2 > mine; echo 3 > writable; chown 55 theirs; chown 1234:1234 mine; chmod 666 writable; chmod 777 .',
  `${AS}
   py 1234 1234,77 "
attempt('chmod', 'theirs', 0o777)
attempt('chmod', 'mine', 0o6755)
attempt('chown', 'theirs', 1234, -1)
attempt('chown', 'mine', 55, -1)
attempt('chown', 'mine', -1, 77)
attempt('chown', 'mine', -1, 99)
attempt('chown', 'mine', -1, -1)
attempt('utime', 'theirs', (1, 2))
attempt('utime', 'theirs')
attempt('utime', 'writable', (1, 2))
attempt('utime', 'writable')
attempt('utime', 'mine', (1, 2))
attempt('truncate', 'theirs', 0)
attempt('truncate', 'writable', 1)
attempt('chmod', 'mine', 0o2755)
print(oct(os.stat('mine').st_mode), os.stat('mine').st_gid, os.stat('mine').st_mtime)"`,
);

alike(
  'set-group-ID is taken away where the caller is not of the group',
  NEEDS,
  'echo 1 > f; chown 1234:88 f; mkdir d; chown 1234:88 d; mkdir sgid; chown 0:88 sgid; chmod 2777 sgid; chmod 755 .',
  `${AS}
   py 1234 1234 "
os.umask(0)
attempt('chmod', 'f', 0o2775)
attempt('chmod', 'd', 0o2775)
attempt('mkdir', 'sgid/d', 0o755)
fd = os.open('sgid/x', os.O_CREAT | os.O_WRONLY, 0o2775)
os.close(fd)
attempt('mknod', 'sgid/n', 0o102775)
attempt('mkfifo', 'sgid/p', 0o2775)
attempt('symlink', 't', 'sgid/s')
for p in 'f', 'd', 'sgid/d', 'sgid/x', 'sgid/n', 'sgid/p', 'sgid/s':
    st = os.lstat(p); print(p, oct(st.st_mode), st.st_uid, st.st_gid)"`,
);

alike(
  'set-id bits go when somebody else writes, truncates or changes the owner',
  NEEDS,
  'for f in a b c d e; do echo $f > $f; chmod 6777 $f; done; echo x > x; chmod 2767 x; chown 1234:1234 e; chmod 6777 e',
  `${AS}
   as 1234 1234 'echo x >> a; : > b; truncate -s 1 c; echo x >> x; echo x >> e'
   chown 5:5 d; stat -c '%n %a' *`,
);

alike(
  'set-group-ID that the group may not execute stays for members of the group',
  NEEDS,
  'for f in a b c d e f g h; do echo $f > $f; chown 0:88 $f; chmod 2766 $f; done; chown 1234 g h; chmod 2766 g h; chmod 777 .',
  `${AS}
   as 1234 88 'echo x >> a'; as 1234 5,88,9 'echo x >> b; truncate -s 1 c; : > d'; as 1234 5,8,888 'echo x >> e'; as 88 5 'truncate -s 1 f'
   as 1234 1234 'chgrp 1234 g'; as 1234 1234,88 'chgrp 1234 h'
   stat -c '%n %a %g' *; for f in *; do echo again >> $f; done; stat -c '%n %a' *`,
);

alike(
  'set-id bits go when somebody else allocates, copies into a file or sends to it',
  NEEDS,
  'echo data > source; mkdir root bare user; for d in root bare user; do cd $d; for f in a b c d e f g; do echo $f > $f; chmod 6777 $f; done; chmod 2767 e; chown 0:1234 f; chmod 2767 f; cd ..; done; chmod 755 .',
  `${AS}
   change() { echo "
import os, errno
def attempt(name, *args):
    try: print(name, getattr(os, name)(*args))
    except OSError as e: print(name, errno.errorcode[e.errno])
source = os.open('source', os.O_RDONLY)
def there(name): return os.open('$1/' + name, os.O_RDWR)
attempt('posix_fallocate', there('a'), 0, 100)
attempt('copy_file_range', source, there('b'), 5)
attempt('copy_file_range', source, there('c'), 5, 100)
attempt('sendfile', there('d'), source, 0, 5)
attempt('posix_fallocate', there('e'), 0, 100)
attempt('copy_file_range', source, there('f'), 5, 0)
attempt('ftruncate', there('g'), 100)"; }
   change root | python3 -; change bare | as 0 0 'python3 -'; change user | as 1234 1234 'python3 -'
   stat -c '%n %a %s' source */*`,
);

alike(
  'a sticky directory protects what is in it',
  NEEDS,
  'mkdir t; chmod 1777 t; echo 1 > t/theirs; echo 2 > t/mine; chown 1234 t/mine; mkdir t/dir t/own; chown 1234 t/own; mkdir free; chmod 777 free; echo 3 > free/theirs; mkdir -p owned/d; chown 1234 owned; chmod 1755 owned; echo 4 > owned/theirs',
  `${AS}
   as 1234 1234 'rm -f t/theirs; mv t/theirs t/x; mv t/mine t/theirs; mv t/mine t/renamed; rmdir t/dir; rmdir t/own; echo n > t/new; mv t/new t/theirs; rm -f free/theirs; rm -f owned/theirs; mv t/renamed free/; ln t/theirs t/link'
   find . | sort`,
);

alike(
  'umask and the modes of what is made',
  NEEDS,
  'mkdir d; chmod 777 d',
  `${AS}
   for mask in 000 022 027 077 777; do
     as 1234 1234 "umask $mask; : > d/f$mask; mkdir d/d$mask; mkfifo d/p$mask; mkdir -m 1777 d/m$mask; ln -s t d/s$mask"
   done
   find d -printf '%p %m %U %G\\n' | sort`,
);

alike(
  'access control lists: inherited, obeyed, and changed by chmod',
  ACL,
  'mkdir d plain; setfacl -m u:1234:rwx,d:u:1234:rwx,d:g:99:r-x,d:o::--- d; echo 1 > f; setfacl -m u:1234:rw f; echo 2 > g; chmod 640 g; setfacl -m g:99:rw g; chmod 755 .',
  `${AS}
   as 1234 1234 'umask 022; echo x > d/new; mkdir d/sub; echo y > d/sub/deep; echo x >> f; cat g; : > plain/x'
   as 77 99 'cat d/new; echo x >> g; cat d/sub/deep; ls d'
   chmod 600 f; as 1234 1234 'cat f'; chmod 660 f; as 1234 1234 'cat f'
   setfacl -m u:55:r d/new; setfacl -x u:1234 f; setfacl -b g; cp -p d/new copy; mv d/sub moved
   getfacl -pn f g d d/new moved moved/deep copy`,
);

alike(
  'attributes: who may set which, and on what',
  { root: true, programs: ['setpriv', 'setfattr', 'getfattr'] },
  'echo 1 > f; chmod 666 f; echo 2 > ro; chmod 644 ro; setfattr -n user.k -v low f; setfattr -n trusted.t -v hidden f; ln -s f s; mkdir d; chmod 777 d; chmod 755 .',
  `${AS}
   py 1234 1234 "
attempt('getxattr', 'f', 'user.k')
attempt('setxattr', 'f', 'user.k', b'mine')
attempt('setxattr', 'f', 'user.k', b'x', os.XATTR_CREATE)
attempt('setxattr', 'f', 'user.new', b'x', os.XATTR_REPLACE)
attempt('setxattr', 'f', 'user.empty', b'')
attempt('getxattr', 'f', 'user.empty')
attempt('setxattr', 'ro', 'user.k', b'x')
attempt('setxattr', 'f', 'trusted.x', b'x')
attempt('getxattr', 'f', 'trusted.t')
attempt('setxattr', 'f', 'security.x', b'x')
attempt('setxattr', 's', 'user.k', b'x', follow_symlinks=False)
attempt('removexattr', 'f', 'user.none')
attempt('removexattr', 'ro', 'user.none')
attempt('setxattr', 'd', 'user.big', b'x' * 3000)
attempt('setxattr', 'd', 'user.' + 'n' * 251, b'x')
attempt('setxattr', 'd', 'nothing.k', b'x')
print(os.listxattr('f'), os.listxattr('d'), os.listxattr('ro'))"
   setfattr -n trusted.x -v root f; getfattr -d -m - f; setfattr -x trusted.t f; getfattr -d -m trusted f`,
);

alike(
  'what is made belongs to who made it, also in process trees with other groups',
  NEEDS,
  'mkdir d; chmod 777 d',
  `${AS}
   as 1234 1234 ': > d/a; mkdir d/b; ln -s x d/c; ln d/a d/h'
   as 65534 65534 ': > d/n; cp d/a d/copy; mv d/copy d/moved'
   as 0 0 ': > d/root; cp -p d/a d/kept'
   stat -c '%n %u %g %a %h' d/*`,
);

alike(
  'opening a file of mode 0 through the descriptor that made it',
  NEEDS,
  'mkdir d; chmod 777 d',
  `${AS}
   py 1234 1234 "
fd = os.open('d/f', os.O_CREAT | os.O_RDWR | os.O_EXCL, 0)
print(os.write(fd, b'data'), os.pread(fd, 9, 0))
attempt('open', 'd/f', os.O_RDONLY)
os.fchmod(fd, 0o400); print(os.read(os.open('d/f', os.O_RDONLY), 9))
attempt('open', 'd/f', os.O_WRONLY)
os.rename('d/f', 'd/g'); print(os.write(fd, b'more'), os.fstat(fd).st_size)"`,
);
