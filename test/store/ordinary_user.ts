// SPDX-License-Identifier: MIT
// What an ordinary user does with archives and with a tree of somebody else's, in a process of its own: ROOT ARCHIVE TREE. Prints what came of it as JSON.
import { createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../../lib/binding.ts';
import { openStore } from '../../lib/store/index.ts';
import { collect, sha256 } from './archive_helper.ts';

const [root = '', archive = '', tree = ''] = process.argv.slice(2);
const store = await openStore(root);
const { layer, diffId, leftOut } = await store.apply(createReadStream(archive));
const owners = await ownersOf(layer.diffPath);
const { mode } = await lstat(join(layer.diffPath, 'setuid'));
const acl = await aclOf(join(layer.diffPath, 'acl'));
const again = await store.apply([await collect(layer.archive())]);
const copy = await store.createLayer({ from: tree });
const child = await store.createLayer({ parent: layer });
await writeFile(join(child.diffPath, 'new'), 'n');
await writeFile(join(child.diffPath, '.wh.file'), '');
const committed = await child.commit();
const answer = {
  leftOut,
  owners,
  acl,
  setuid: (mode & 0o7000).toString(8),
  exact: sha256(await collect(layer.archive({ exact: true }))) === diffId,
  same: (await again.layer.changes()).length === (await layer.changes()).length,
  committed: (await committed.changes()).map(({ kind, path }) => `${kind} ${path}`),
  verified: (await store.verify([layer])).layers.map(({ state }) => state),
  copied: {
    names: (await readdir(copy.diffPath, { recursive: true })).sort(),
    owners: await ownersOf(copy.diffPath),
    setuid: ((await lstat(join(copy.diffPath, 'setuid'))).mode & 0o7000).toString(8),
    acl: await aclOf(join(copy.diffPath, 'acl')),
  },
  findings: (await store.check()).findings.map(({ kind }) => kind),
};
// What its owner may not even list can be removed.
await mkdir(join(child.diffPath, 'closed/in'), { recursive: true });
await chmod(join(child.diffPath, 'closed'), 0);
await committed.remove();
await child.remove();
await copy.remove();
await again.layer.remove();
await layer.remove();
process.stdout.write(JSON.stringify({ ...answer, left: (await store.layers()).length }));

/** The users and groups that a file's ACL names; its mode, in which the mask stands for the group. */
async function aclOf(path: string): Promise<{ mode: string; named: number[] }> {
  const value = await binding().pathGetxattr(path, 'system.posix_acl_access');
  const named: number[] = [];
  for (let at = 4; at < value.length; at += 8) {
    if ([2, 8].includes(value.readUInt16LE(at))) named.push(value.readUInt32LE(at + 4));
  }
  return { mode: ((await lstat(path)).mode & 0o777).toString(8), named };
}

async function ownersOf(path: string): Promise<string[]> {
  const owners = new Set<string>();
  for (const name of ['.', ...(await readdir(path, { recursive: true }))]) {
    const { uid, gid } = await lstat(join(path, name));
    owners.add(`${uid}:${gid}`);
  }
  return [...owners];
}
