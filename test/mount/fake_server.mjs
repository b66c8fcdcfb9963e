#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Speaks the control protocol of node-aufs-fuse over descriptor 3 without mounting anything.
// FAKE_SERVER says how it behaves.
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

const mode = process.env.FAKE_SERVER ?? 'good';
if (mode === 'mute') {
  process.stderr.write('node-aufs-fuse: ERR_FUSE_DEVICE: cannot open /dev/fuse: Operation not permitted\n');
  process.exit(1);
}
const control = new Socket({ fd: 3 });
const say = (line) => control.write(`${JSON.stringify(line)}\n`);
if (mode === 'refuses') {
  const failed = {
    event: 'failed',
    code: 'ERR_BRANCH_BUSY',
    errno: 16,
    message: 'another union writes to it',
    path: '/b',
  };
  control.end(`${JSON.stringify(failed)}\n`, () => process.exit(1));
} else if (mode !== 'hangs') {
  say({
    event: 'mounted',
    target: process.argv.at(-1),
    pid: process.pid,
    passthrough: true,
    protocol: '7.45',
  });
}
control.on('end', () => process.exit(0));
const answers = {
  stats: { ok: true, pid: process.pid, threads: 4, protocol: '7.45', copy_ups: { count: 1, bytes: 5 } },
  copyups: { ok: true, copy_ups: [{ path: 'a', method: 'reflink', bytes: 5, ns: 1000 }] },
};
createInterface({ input: control }).on('line', (line) => {
  if (line in answers) say(answers[line]);
  if (line === 'stop' && mode === 'busy')
    say({ ok: false, code: 'EBUSY', errno: 16, syscall: 'umount2', message: 'busy' });
  else if (line.startsWith('stop')) control.end('{"ok":true,"in_use":false}\n', () => process.exit(0));
});
