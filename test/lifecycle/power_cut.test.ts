// SPDX-License-Identifier: MIT
// The power is cut as soon as names of copies are on disk: they are whole, though nobody asked for the copies themselves to be there. A union that
// is `volatile` has empty ones then, which shows that the test would see them.
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Union } from '../../lib/index.ts';
import { Disk } from '../helpers/disk.ts';
import { type FileSystemKind, kinds, missingFor } from '../helpers/file_system.ts';
import { run } from '../helpers/stage.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const NAMES = Array.from({ length: 40 }, (_, i) => `f${i}`);

/** What another program's fsync(2) brings along: everything that the journal has. */
function fsync(path: string): void {
  const fd = openSync(path, 'w');
  fsyncSync(fd);
  closeSync(fd);
}

/** How often the disk of what is mounted on `root` was told to flush. */
async function flushes(root: string): Promise<number> {
  const { stdout } = await run('findmnt', ['--noheadings', '--output', 'SOURCE', root]);
  const numbers = await readFile(`/sys/block/${basename(stdout.trim())}/stat`, 'utf8');
  return Number(numbers.trim().split(/\s+/)[15]);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

const MARK = Buffer.from('mark');

async function writeMark(union: Union, name: string): Promise<void> {
  await using file = await union.open(name, 'r+');
  const { size } = await file.stat();
  const middle = Math.floor(size / 2);
  await file.write(MARK, 0, Math.min(MARK.length, size - middle), middle);
}

/** Nobody asked for what was written to be on disk, so the mark may be there or not. */
function isWhole(found: Buffer, content: Buffer): boolean {
  const marked = Buffer.from(content);
  MARK.copy(marked, Math.floor(content.length / 2));
  return found.equals(content) || found.equals(marked);
}

/** Copies all files up, cuts the power and looks: how many names are there, and how many of these are not whole? */
async function cut(
  t: ExecutionContext,
  kind: FileSystemKind,
  options: { volatile: boolean },
  change: (union: Union, name: string) => Promise<unknown> = (union, name) => union.copyUp(name),
) {
  const disk = new Disk(await temporaryDirectory(t), kind);
  await disk.make();
  const at = (name: string) => join(disk.root, name);
  await mkdir(at('ro'));
  await mkdir(at('rw'));
  const contents = new Map(NAMES.map((name, i) => [name, randomBytes(1 + i * 3001)]));
  for (const [name, content] of contents) await writeFile(join(at('ro'), name), content);
  fsync(at('before'));
  const union = await Union.open({ branches: [{ path: at('rw'), mode: 'rw' }, at('ro')], ...options });
  const before = await flushes(disk.root);
  for (const name of NAMES) await change(union, name);
  const flushed = (await flushes(disk.root)) - before;
  fsync(at('after'));
  await disk.copy('cut');
  await union.close();
  await disk.unmount();
  await disk.mountCopy('cut');
  let named = 0;
  const broken: string[] = [];
  for (const [name, content] of contents) {
    if (!(await isFile(join(at('rw'), name)))) continue;
    named++;
    if (!isWhole(await readFile(join(at('rw'), name)), content)) broken.push(name);
  }
  await disk.unmount();
  return { named, broken, flushed };
}

interface Row {
  readonly kind: FileSystemKind;
  /** A name that is on disk has not waited for its content by itself. */
  readonly bites: boolean;
  /** Names come after data anyway, so that the disk need not be flushed for each file. */
  readonly ordered: boolean;
}

const ROWS: readonly Row[] = [
  { kind: kinds.ext4, bites: true, ordered: true },
  {
    kind: { ...kinds.ext4, title: 'ext4, data=writeback', options: ['data=writeback'] },
    bites: true,
    ordered: true,
  },
  {
    kind: { ...kinds.ext4, title: 'ext4 without journal', mkfs: [...kinds.ext4.mkfs, '-O', '^has_journal'] },
    bites: false,
    ordered: false,
  },
  {
    kind: { ...kinds.xfs, title: 'XFS without reflink', mkfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=0'] },
    bites: true,
    ordered: true,
  },
  { kind: kinds.xfs, bites: true, ordered: true },
  { kind: kinds.btrfs, bites: false, ordered: false },
];

for (const { kind, bites, ordered } of ROWS) {
  const missing = missingFor(kind);
  const note = missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`;
  (missing.length === 0 ? test.serial : test.skip)(
    `${kind.title}: a copy that has its name after a power cut is whole${note}`,
    async (t) => {
      const { named, broken, flushed } = await cut(t, kind, { volatile: false });
      t.deepEqual(broken, []);
      t.log(`${named} of ${NAMES.length} names, ${flushed} flushes`);
      if (ordered) t.true(flushed < NAMES.length / 10);
      const written = await cut(t, kind, { volatile: false }, writeMark);
      t.deepEqual(written.broken, []);
      if (!bites) return;
      t.true(named > 0);
      const without = await cut(t, kind, { volatile: true });
      t.true(without.broken.length > 0, `${without.named} names, all whole without waiting for anything`);
    },
  );
}
