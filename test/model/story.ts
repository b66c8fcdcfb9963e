// SPDX-License-Identifier: MIT
import type { Call } from '../helpers/agent.ts';
import { oneOf, type Pick } from '../helpers/random.ts';

/** Longest-lived things first: what is held while names change is where unions go wrong. */
const SLOTS = 3;
const NAMES = ['a', 'b', 'c', 'd', 'e'];
const MODES = [0o644, 0o600, 0o444, 0o755, 0o4711, 0o000];
const OPENINGS = [
  'O_RDONLY',
  'O_RDWR',
  'O_WRONLY',
  'O_RDWR|O_APPEND',
  'O_RDWR|O_TRUNC',
  'O_RDWR|O_CREAT',
  'O_RDWR|O_CREAT|O_EXCL',
  'O_WRONLY|O_CREAT|O_TRUNC',
];
const NOREPLACE = 1;
const EXCHANGE = 2;

/** A random call. Few names and few slots, so that calls meet each other's results. */
export function randomCall(pick: Pick): Call {
  const path = () => Array.from({ length: 1 + pick(3) }, () => oneOf(pick, NAMES)).join('/');
  const [slot, size, at] = [
    pick(SLOTS),
    oneOf(pick, [1, 100, 5000, 70_000]),
    oneOf(pick, [0, 7, 4096, 60_000]),
  ];
  const text = oneOf(pick, ['x', 'yz', 'long text ']);
  const makers: readonly (() => Call)[] = [
    () => ({ op: 'put', path: path(), flags: 'O_WRONLY|O_CREAT|O_TRUNC', text, size }),
    () => ({
      op: 'put',
      path: path(),
      flags: 'O_WRONLY|O_CREAT|O_EXCL',
      text,
      size,
      mode: oneOf(pick, MODES),
    }),
    () => ({ op: 'put', path: path(), flags: 'O_WRONLY|O_APPEND', text, size }),
    () => ({ op: 'put', path: path(), flags: 'O_WRONLY', text, size }),
    () => ({ op: 'cat', path: path() }),
    () => ({ op: 'readdir', path: path() }),
    () => ({ op: 'lstat', path: path() }),
    () => ({ op: 'mkdir', path: path(), mode: oneOf(pick, [0o755, 0o700, 0o1777, 0o2755]) }),
    () => ({ op: 'mkdir', path: path() }),
    () => ({ op: 'rmdir', path: path() }),
    () => ({ op: 'rmdir', path: path() }),
    () => ({ op: 'unlink', path: path() }),
    () => ({ op: 'unlink', path: path() }),
    () => ({ op: 'unlink', path: path() }),
    () => ({ op: 'mkfifo', path: path() }),
    () => ({ op: 'symlink', path: path(), text: oneOf(pick, ['a', 'b/c', 'nowhere', 'd/e']) }),
    () => ({ op: 'readlink', path: path() }),
    () => ({ op: 'link', path: path(), to: path() }),
    () => ({ op: 'link', path: path(), to: path() }),
    () => ({ op: 'rename', path: path(), to: path() }),
    () => ({ op: 'rename', path: path(), to: path() }),
    () => ({ op: 'rename', path: path(), to: path() }),
    () => ({ op: 'rename', path: path(), to: path() }),
    () => ({ op: 'rename2', path: path(), to: path(), how: NOREPLACE }),
    () => ({ op: 'rename2', path: path(), to: path(), how: EXCHANGE }),
    () => ({ op: 'truncate', path: path(), size: oneOf(pick, [0, 3, 5000, 100_000]) }),
    () => ({ op: 'chmod', path: path(), mode: oneOf(pick, MODES) }),
    () => ({ op: 'utime', path: path(), at: 1_000_000_000_000_000_000 + pick(1_000_000_000) }),
    () => ({ op: 'setxattr', path: path(), name: oneOf(pick, ['k', 'l']), text }),
    () => ({ op: 'removexattr', path: path(), name: oneOf(pick, ['k', 'l']) }),
    () => ({ op: 'open', slot, path: path(), flags: oneOf(pick, OPENINGS), mode: oneOf(pick, MODES) }),
    () => ({ op: 'open', slot, path: path(), flags: oneOf(pick, OPENINGS), mode: 0o644 }),
    () => ({ op: 'open', slot, path: oneOf(pick, ['.', path()]), flags: 'O_TMPFILE|O_RDWR' }),
    () => ({ op: 'close', slot }),
    () => ({ op: 'fstat', slot }),
    () => ({ op: 'pread', slot, size: 1_000_000, at: 0 }),
    () => ({ op: 'pread', slot, size, at }),
    () => ({ op: 'pwrite', slot, text, size, at }),
    () => ({ op: 'pwrite', slot, text, size, at }),
    () => ({ op: 'append', slot, text, size }),
    () => ({ op: 'ftruncate', slot, size: oneOf(pick, [0, 3, 5000, 100_000]) }),
    () => ({ op: 'fchmod', slot, mode: oneOf(pick, MODES) }),
    () => ({ op: 'fsync', slot }),
    () => ({ op: 'fallocate', slot, how: oneOf(pick, [0, 1, 3]), at, size }),
    () => ({ op: 'copy_range', slot, into: pick(SLOTS), size, at, at_into: oneOf(pick, [0, 9000]) }),
    () => ({ op: 'linkfd', slot, to: path() }),
    () => ({ op: 'mmap', slot, size: 100 }),
    () => ({ op: 'mmap', slot, size: 100, write: true }),
    () => ({ op: 'mread', slot }),
    () => ({ op: 'mread', slot }),
    () => ({ op: 'mwrite', slot, text, size: 50 }),
    () => ({ op: 'munmap', slot }),
    () => ({ op: 'opendir', slot, path: path() }),
    () => ({ op: 'dread', slot }),
    () => ({ op: 'dcreate', slot, path: oneOf(pick, NAMES) }),
    () => ({ op: 'dunlink', slot, path: oneOf(pick, NAMES) }),
    () => ({ op: 'dmkdir', slot, path: oneOf(pick, NAMES) }),
    () => ({ op: 'dlstat', slot, path: oneOf(pick, NAMES) }),
  ];
  return oneOf(pick, makers)();
}

/** `steps` random calls with checks, dropped caches and new mounts between. */
export function randomStory(pick: Pick, steps: number): Call[] {
  const story: Call[] = [];
  for (let i = 0; i < steps; i++) {
    story.push(randomCall(pick));
    const between = pick(200);
    if (between < 2) story.push({ op: 'remount' });
    else if (between < 8) story.push({ op: 'drop_caches' });
    else if (between < 15) story.push({ op: 'snapshot' });
  }
  return [...story, { op: 'snapshot' }, { op: 'remount' }, { op: 'snapshot' }];
}

/** One line a call, to be read or to be put into a test. */
export function tell(story: readonly Call[]): string {
  return story.map((call) => JSON.stringify(call)).join('\n');
}
