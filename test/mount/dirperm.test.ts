// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mounted } from '../helpers/mounted.ts';
import type { Stage } from '../helpers/stage.ts';

const NEEDS = { root: true, programs: ['setpriv', 'setfacl'] };

/** What `script` prints for an ordinary user of these groups, at the mount. */
function asUser(stage: Stage, groups: string, script: string): string {
  const user = ['--reuid=1234', '--regid=1234', `--groups=${groups}`, '--inh-caps=-all'];
  return execFileSync('setpriv', [...user, 'sh', '-c', `exec 2>&1; ${script}; true`], {
    cwd: stage.target,
    encoding: 'utf8',
  });
}

/** `open` is open in the union and shut below; `group` is for group 77 below; `acl` for user 1234. */
async function permissions(stage: Stage, dirperm1: boolean): Promise<void> {
  const [lower] = stage.lowers as [string];
  for (const name of ['shut', 'group', 'acl']) {
    mkdirSync(join(stage.upper, name), { mode: 0o755 });
    chmodSync(join(lower, name), name === 'group' ? 0o750 : 0o700);
  }
  chownSync(join(lower, 'group'), 0, 77);
  execFileSync('setfacl', ['-m', 'u:1234:rx', join(lower, 'acl')]);
  await stage.mount({ dirperm1, allowOther: true });
}

const LOWER = { shut: { f: '1' }, group: { f: '2' }, acl: { f: '3' } };
const LOOK = 'cat shut/f group/f acl/f; ls shut group acl >/dev/null && echo listed';

mounted(
  'nodirperm1: a directory must allow it in every branch, with groups and ACLs',
  LOWER,
  NEEDS,
  async (t, stage) => {
    await permissions(stage, false);
    // What root had looked at does not open it to others.
    readdirSync(stage.at('shut'));
    const shut = asUser(stage, '1234,77', LOOK);
    t.regex(shut, /shut\/f: Permission denied/);
    t.regex(shut, /^23/m);
    t.notRegex(shut, /listed/);
    t.regex(asUser(stage, '1234', LOOK), /group\/f: Permission denied/);
    t.regex(asUser(stage, '1234,77', 'ls group acl'), /f/);
    t.regex(asUser(stage, '1234,77', 'echo new > shut/new'), /Permission denied/);
    // The thread that answered is itself again afterwards.
    writeFileSync(stage.at('shut/new'), 'by root');
  },
);

mounted('dirperm1: what the union shows decides', LOWER, NEEDS, async (t, stage) => {
  await permissions(stage, true);
  t.regex(asUser(stage, '1234', LOOK), /^123listed/m);
});
