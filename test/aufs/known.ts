// SPDX-License-Identifier: MIT
// Where we differ from the recording, each with its reason. An entry that no longer applies fails its test, so this is
// what there is and no more. `readme` is the number in "Deliberate differences" of the scenarios' README.

import type { Json } from './recording.ts';

export type EngineName = 'mount' | 'union';

export interface Known {
  /** Matches the places of the differences; see `Difference.at`. */
  readonly at: RegExp;
  readonly reason: string;
  /** What we give there, where it is one thing. */
  readonly got?: Json;
  /** Only there. */
  readonly engine?: EngineName;
}

const deliberate = (readme: number, at: RegExp, what: string): Known => ({
  at,
  reason: `README ${readme}: ${what}`,
});
/** The recording's own kernel or file system, not AUFS. */
const recorder = (at: RegExp, reason: string): Known => ({
  at,
  reason: `of the recording machine: ${reason}`,
});
const only = (engine: EngineName, known: Known): Known => ({ ...known, engine });
const giving = (got: Json, known: Known): Known => ({ ...known, got });

const TRUE_COUNT = 'the true link count';
const AT_UNMOUNT =
  'the other names of a hard link are given to the branch at unmount, not when they are looked at';
const LONG_NAMES = 'names up to 251 bytes can be made, and longer ones of a lower branch be read and written';
const FEWER_INODES = 'what AUFS keeps in the root of a branch need not be there, and leaves more inodes';

const NOTHING_SEEN =
  'with udba=none what is changed behind the mount is noticed a second late, or when the kernel asks again';
const ALL_SEEN =
  'with udba=reval every change of a branch is seen at the next call; AUFS sees some of them late';

/** By scenario. */
export const KNOWN: Readonly<Record<string, readonly Known[]>> = {
  '008-type-conflict': [
    deliberate(
      7,
      /^op\[[6-9]\] (readdir|cat) (ds|dfd)/,
      'a directory does not merge through a file in between',
    ),
  ],
  '011-name-max': [
    giving(null, deliberate(8, /^op\[(1|2|3|8|14|15)\] .*: errno$/, LONG_NAMES)),
    giving('ENOENT', deliberate(8, /^op\[(9|10|11|12|16|17)\] .*: errno$/, LONG_NAMES)),
    deliberate(8, /^(merged|raw rw:) ([kmns])\2{241,250}$/, LONG_NAMES),
  ],
  '012-name-max-lower': [
    giving(null, deliberate(8, /^op\[(2|3|4|5|6|7|9|11)\] .*: errno$/, LONG_NAMES)),
    deliberate(8, /^op\[0\] readdir \.: ret$/, 'AUFS lists them without type, for it cannot look at them'),
    deliberate(8, /^merged ([dn])\1{242,254}(: (type|mode|uid|gid|err))?$/, LONG_NAMES),
    deliberate(8, /^raw rw: (\.wh\.)?([dn])\2{241,254}(\/\.wh\.in|: nlink)?$/, LONG_NAMES),
  ],
  '038-rename-dir-lower': [
    deliberate(6, /^raw rw: d2$/, 'a rename that fails leaves no directory copied up'),
  ],
  '044-rename-dir-loop': [
    only(
      'union',
      giving(
        'EBUSY',
        recorder(/^op\[2\] rename \. x: errno$/, 'the root of a mount, which that of a Union is not'),
      ),
    ),
  ],
  '045-rename-dir-dirren': [
    deliberate(
      1,
      /^raw rw: (\.wh\.\.wh\.hino|n\/\.wh\.\.wh\.\.dr\.\w.*)$/,
      'a renamed directory is a plain directory',
    ),
    deliberate(
      1,
      /^raw rw: (n\/\.wh\.\.wh\.\.opq|n\/s\/\.wh\.y)$/,
      'and an opaque one, so that nothing need be hidden',
    ),
    deliberate(1, /^raw rw: \.wh\.d: nlink$/, 'one whiteout fewer to share the inode'),
  ],
  '050-plink-write-one': [deliberate(2, /^op\[(8|15)\] dump rw: ret (a: nlink|b|d|d\/c)$/, AT_UNMOUNT)],
  '053-plink-flush': [
    deliberate(2, /^op\[3\] dump rw: ret (a: nlink|b|d|d\/c)$/, AT_UNMOUNT),
    deliberate(2, /^(op\[1[12]\] lstat [ab]: ret|merged (a|b|d\/c)): nlink$/, TRUE_COUNT),
  ],
  '054-plink-unlink': [deliberate(2, /^(op\[[13479]\] lstat (b|c|c2): ret|merged c2): nlink$/, TRUE_COUNT)],
  '066-stale-mmap': [
    only('mount', deliberate(3, /^op\[6\] mread m: ret$/, 'a mapping sees what is written')),
  ],
  '069-xattr-lower': [
    deliberate(
      7,
      /^op\[12\] listxattr rm: ret$|^(merged|raw rw:) rm: xattrs$/,
      'AUFS leaves an empty attribute',
    ),
    only('union', {
      at: /^(merged s: xattrs|raw rw: s)$/,
      reason: 'attributes of symlinks are not in the API',
    }),
  ],
  '072-acl': [
    only(
      'mount',
      deliberate(7, /^op\[4\] getfacl f: ret$|^(merged|raw rw:) f: xattrs$/, 'AUFS shows a stale mask'),
    ),
  ],
  '074-filecaps': [
    deliberate(7, /^(merged|raw rw:) b: xattrs$/, 'AUFS leaves an attribute that cannot be read'),
  ],
  '077-open-unlinked': [deliberate(2, /^op\[12\] fstat a: ret: nlink$/, 'the true link count: none')],
  '078-open-unlinked-then-write': [
    only(
      'mount',
      deliberate(7, /^op\[10\] linkfd .*: errno$/, 'ESTALE; ENOENT it is on every other file system'),
    ),
  ],
  '083-ino-constancy': [
    only('union', {
      at: /^op\[\d+\] devs .*: ret\.dev_equals_/,
      reason: 'without a mount there is no device of its own',
    }),
  ],
  '084-ino-noxino': [
    deliberate(
      2,
      /^(op\[[56]\] (lstat|cat)|merged) b2: /,
      'hard links stay joined, with inode numbers that need no table',
    ),
    deliberate(2, /^raw rw: (b: nlink|b2)$/, 'hard links stay joined'),
  ],
  '086-sparse-cpup': [
    {
      at: /^raw rw: zeros: data$/,
      reason: 'holes are kept, but not made where there were none; the README leaves it open',
    },
  ],
  '087-fallocate': [
    only('mount', { at: /^op\[6\] extents f: ret$/, reason: 'AUFS has no SEEK_HOLE: a file is whole to it' }),
    only('mount', {
      at: /^op\[[78]\] |^(merged|raw rw:) a: (size|content|data)$/,
      reason: 'the kernel answers FALLOC_FL_COLLAPSE_RANGE on FUSE itself, with EOPNOTSUPP (fs/fuse/file.c)',
    }),
  ],
  '099-remount-ro': [
    only('mount', {
      at: /^op\[(1|2|4)\] |^op\[5\] branches: ret$|^(merged|raw rw:) u: /,
      reason:
        'the kernel writes to the file itself (passthrough), which nobody can take back: EBUSY, with who',
    }),
  ],
  '110-udba-none': [{ at: /^op\[(18|2[018]|21|31)\] |^merged [bc]: /, reason: NOTHING_SEEN }],
  '111-udba-reval': [
    { at: /^op\[(10|13|15|2[345])\] |^merged (a|b|k|low|dd|dd\/in|direct2)(: |$)/, reason: ALL_SEEN },
  ],
  '116-enospc-rename': [
    recorder(
      /^op\[11\] mkdir d: errno$|^(merged|raw rw:) d$/,
      'whether its ext4 had one more block for a directory',
    ),
  ],
  '117-enospc-inodes': [
    recorder(/^op\[(0|5)\] |^merged f0002[67]$|^raw rw: \.wh\.f000\d\d(: nlink)?$/, FEWER_INODES),
  ],
  '131-overlapping-mounts': [
    only('mount', {
      at: /^op\[3\] mountopts_invalid: errno$/,
      reason: 'a permission that nobody knows is refused',
    }),
  ],
  '144-plink-trigger': [deliberate(2, /^op\[(9|12|16)\] dump rw: ret (a: nlink|b|d)$/, AT_UNMOUNT)],
  '153-udba-docker-default': [
    only('union', { at: /^op\[6\] cat b: ret$/, reason: 'no kernel remembers what a Union has answered' }),
  ],
  '158-whiteout-noinode': [recorder(/^op\[0\] repeat: ret$|^raw rw: fill101[123]$/, FEWER_INODES)],
};

/** Scenarios that are not replayed, and why. */
export const NOT_REPLAYED: Readonly<
  Record<string, { readonly reason: string; readonly engine?: EngineName }>
> = {
  '051-plink-noplink': { reason: 'noplink changes nothing: what it asks for is the fault in README 7' },
  '071-xattr-unsupported-upper': {
    reason: 'tmpfs has user attributes since Linux 6.6, the recording kernel had not',
  },
  '138-xino-files': { reason: 'mounts a second AUFS itself, to look at its inode number table' },
  '140-umount-busy': { reason: 'close() closes what is open', engine: 'union' },
};
