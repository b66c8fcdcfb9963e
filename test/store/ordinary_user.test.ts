// SPDX-License-Identifier: MIT
// Archives in and out, and copies of other people's trees, without root: by another user, and by root of a user namespace in which nobody else is.
import { execFile, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { has, isRoot, run } from '../helpers/stage.ts';
import { temporaryDirectory } from './store_helper.ts';

const PROGRAM = fileURLToPath(new URL('ordinary_user.ts', import.meta.url));
const USER = ['setpriv', '--reuid', '1234', '--regid', '1234', '--clear-groups'];
const WAYS = [
  {
    title: 'another user',
    command: [...USER, '--inh-caps=-all', '--bounding-set=-all'],
    owner: '1234:1234',
    // Who is named in it is somebody.
    acl: { left: 0, named: [1000] },
  },
  {
    title: 'root of a user namespace',
    command: [...USER, 'unshare', '-r'],
    owner: '0:0',
    acl: { left: 1, named: [] },
  },
];

/** An ACL as the kernel has it in an attribute: user 1000 may do all, the group only read. */
const ACL = Buffer.concat([
  Buffer.from([2, 0, 0, 0]),
  ...[
    [1, 6, 0xffffffff],
    [2, 7, 1000],
    [4, 4, 0xffffffff],
    [0x10, 7, 0xffffffff],
    [0x20, 4, 0xffffffff],
  ].map(([tag = 0, permissions = 0, id = 0]) => {
    const entry = Buffer.alloc(8);
    entry.writeUInt16LE(tag);
    entry.writeUInt16LE(permissions, 2);
    entry.writeUInt32LE(id, 4);
    return entry;
  }),
]).toString('hex');

/** With what only root can make: owners, a device, a set-id bit; and a directory that its owner may not write to. */
const ARCHIVE = `
import io, sys, tarfile
t = tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT)
def add(name, type=tarfile.REGTYPE, uid=0, mode=0o644, data=b'', link='', pax={}):
    i = tarfile.TarInfo(name)
    i.pax_headers = pax
    i.type, i.uid, i.gid, i.mode, i.size, i.linkname, i.devmajor, i.devminor = type, uid, uid, mode, len(data), link, 1, 3
    t.addfile(i, io.BytesIO(data))
add('file', data=b'x' * 5000)
add('theirs', uid=1000, data=b'y')
add('setuid', uid=1000, mode=0o4755, data=b'z')
add('null', tarfile.CHRTYPE)
add('symlink', tarfile.SYMTYPE, link='file')
add('hard', tarfile.LNKTYPE, link='file')
add('acl', mode=0o674, data=b'a', pax={'SCHILY.xattr.system.posix_acl_access': bytes.fromhex(sys.argv[2]).decode('utf-8', 'surrogateescape')})
add('readonly', tarfile.DIRTYPE, mode=0o555)
add('readonly/in', mode=0o400, data=b'q')
t.close()
`;

/** A tree of root's, with a file of somebody else's that has a set-id bit. */
async function makeTree(path: string): Promise<void> {
  await mkdir(join(path, 'sub'), { recursive: true });
  await writeFile(join(path, 'sub/file'), 'x');
  await symlink('sub/file', join(path, 'link'));
  await writeFile(join(path, 'setuid'), 'x');
  await chown(join(path, 'setuid'), 1000, 1000);
  await chmod(join(path, 'setuid'), 0o4755);
  await writeFile(join(path, 'acl'), 'x');
  const set =
    'import os, sys; os.setxattr(sys.argv[1], "system.posix_acl_access", bytes.fromhex(sys.argv[2]))';
  await run('python3', ['-c', set, join(path, 'acl'), ACL]);
}

for (const { title, command, owner, acl } of WAYS) {
  const [program = '', ...args] = command;
  const works = isRoot && has('python3') && spawnSync(program, [...args, 'test', '-r', PROGRAM]).status === 0;
  (works ? test : test.skip)(
    `${title}: applied, copied, given out, committed, verified, removed${works ? '' : ' (needs root, python3, setpriv, unshare and a project that all may read)'}`,
    async (t) => {
      const directory = await temporaryDirectory(t);
      await chmod(directory, 0o755);
      const archive = join(directory, 'archive.tar');
      await run('python3', ['-c', ARCHIVE, archive, ACL]);
      const tree = join(directory, 'tree');
      await makeTree(tree);
      const home = join(directory, 'home');
      await mkdir(home);
      await chown(home, 1234, 1234);
      const store = [process.execPath, '--import=tsx', PROGRAM, join(home, 'store'), archive, tree];
      const env = { ...process.env, HOME: home, TMPDIR: home };
      const { stdout } = await promisify(execFile)(program, [...args, ...store], { env });
      t.deepEqual(JSON.parse(stdout), {
        leftOut: { housekeeping: 0, devices: 1, attributes: acl.left },
        acl: { mode: '674', named: acl.named },
        owners: [owner],
        setuid: '0',
        exact: true,
        same: true,
        committed: ['D /file', 'A /new'],
        verified: ['whole'],
        copied: {
          names: ['acl', 'link', 'setuid', 'sub', 'sub/file'],
          owners: [owner],
          setuid: '0',
          acl: { mode: '674', named: acl.named },
        },
        findings: [],
        left: 0,
      });
    },
  );
}
