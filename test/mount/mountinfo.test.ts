// SPDX-License-Identifier: MIT
import test from 'ava';
import {
  mountAt,
  mountContaining,
  parseMountInfo,
  readMounts,
  unescapeMountField,
} from '../../lib/mount/mountinfo.ts';

const TEXT = [
  '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard',
  '28 27 0:25 / /mnt/a\\040b\\134c ro,nosuid shared:7 master:2 - tmpfs some\\011thing ro,size=4k',
  '29 28 0:60 / /mnt/a\\040b\\134c rw - fuse.node-aufs node-aufs rw,user_id=0',
  '30 27 0:61 / /mnt/\u00e9t\u00e9 rw - tmpfs tmpfs rw',
  'not a line',
  '',
].join('\n');

test('reads fields, escapes and any number of optional fields', (t) => {
  const [root, covered] = parseMountInfo(TEXT);
  t.deepEqual(root, {
    id: 27,
    parentId: 1,
    device: '254:0',
    root: '/',
    target: '/',
    options: ['rw', 'relatime'],
    type: 'ext4',
    source: '/dev/vda',
    superOptions: ['rw', 'discard'],
  });
  t.is(covered?.target, '/mnt/a b\\c');
  t.is(covered?.source, 'some\tthing');
  t.is(parseMountInfo(TEXT).length, 4);
});

test('keeps UTF-8 and backslashes that are no escape', (t) => {
  t.is(unescapeMountField('\u00e9\\040\u00e9'), '\u00e9 \u00e9');
  t.is(unescapeMountField('\\303\\251'), '\u00e9');
  t.is(unescapeMountField('a\\b\\9'), 'a\\b\\9');
});

test('the topmost mount on a target counts', (t) => {
  const mounts = parseMountInfo(TEXT);
  t.is(mountAt(mounts, '/mnt/a b\\c')?.type, 'fuse.node-aufs');
  t.is(mountAt(mounts, '/mnt'), undefined);
});

test('finds the mount that a path lies in', (t) => {
  const mounts = parseMountInfo(TEXT);
  t.is(mountContaining(mounts, '/mnt/a b\\c/x')?.id, 29);
  t.is(mountContaining(mounts, '/mnt/a b\\cx')?.id, 27);
  t.is(mountContaining(mounts, '/')?.id, 27);
});

test("this process's own mounts can be read", async (t) => {
  t.not(mountAt(await readMounts(), '/'), undefined);
});
