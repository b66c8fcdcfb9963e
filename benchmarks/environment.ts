// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, version } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What the numbers depend on; names and values for people. */
export type Environment = Readonly<Record<string, string>>;

const isRoot = process.getuid?.() === 0;
const root = fileURLToPath(new URL('..', import.meta.url));

export function describeEnvironment(): Environment {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    commit: commit(),
    kernel: `${release()} ${version()}`,
    cpu: `${processors.length} x ${processors[0]?.model ?? 'unknown'}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    load: loadavg()[0]?.toFixed(2) ?? 'unknown',
    node: process.version,
    user: isRoot ? 'root' : `uid ${process.getuid?.()}`,
    caches: isRoot
      ? 'dropped before cold rounds: sync, echo 3 > /proc/sys/vm/drop_caches'
      : 'not dropped, which needs root: cold is a fresh mount, no more',
    // `metacopy`, for one, makes chmod a different operation.
    overlayfs: parameters('overlay', ['metacopy', 'redirect_dir', 'index']),
    fuse: parameters('fuse', ['enable_uring']),
    'fuse-overlayfs': said('fuse-overlayfs', /fuse-overlayfs: version (\S+)/),
    'unionfs-fuse': said('unionfs', /unionfs-fuse version: (\S+)/),
    mergerfs: said('mergerfs', /mergerfs version: (\S+)/),
    tar: said('tar', /tar \(GNU tar\) (\S+)/),
    umoci: said('umoci', /umoci version (\S+)/),
    skopeo: said('skopeo', /skopeo version (\S+)/),
    git: said('git', /git version (\S+)/),
    npm: said('npm', /^(\S+)/),
    fusermount3: said('fusermount3', /version: (\S+)/),
  };
}

function commit(): string {
  const git = (...args: string[]) => spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short=12', 'HEAD');
  if (status !== 0) return 'unknown';
  const changed = git(
    'status',
    '--porcelain',
    '--',
    'native',
    'lib',
    'benchmarks',
    ':!benchmarks/results',
  ).stdout;
  return stdout.trim() + (changed === '' ? '' : ', with uncommitted changes');
}

/** What a module of the kernel is set to. */
function parameters(module: string, names: readonly string[]): string {
  const values = names.map((name) => {
    try {
      return `${name}=${readFileSync(`/sys/module/${module}/parameters/${name}`, 'utf8').trim()}`;
    } catch {
      return `${name}=?`;
    }
  });
  return values.join(' ');
}

function said(program: string, pattern: RegExp): string {
  const { stdout, stderr, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (error) return 'not installed';
  return pattern.exec(`${stdout}\n${stderr}`)?.[1] ?? 'unknown version';
}
