// SPDX-License-Identifier: MIT
// Tests that need a real mount, and often another program.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { canMount, has, isRoot, run, Stage } from './stage.ts';
import type { Tree } from './tree.ts';

/** What a test cannot do without, besides /dev/fuse. */
export interface Needs {
  readonly root?: boolean;
  readonly programs?: readonly string[];
  /** A fault of ours that is known and open: the test is skipped and its title says so. */
  readonly open?: string;
}

/** A test with a mount of one lower branch; skipped loudly where something is missing. */
export function mounted(
  title: string,
  lower: Tree,
  needs: Needs,
  body: (t: ExecutionContext, stage: Stage) => Promise<void>,
) {
  const missing = [
    ...(canMount ? [] : ['/dev/fuse']),
    ...(needs.root && !isRoot ? ['root'] : []),
    ...(needs.programs ?? []).filter((program) => !has(program)),
  ];
  if (missing.length > 0) {
    test.skip(`${title} (needs ${missing.join(', ')})`, (t) => t.pass());
    return;
  }
  if (needs.open !== undefined) {
    test.skip(`${title} (open: ${needs.open})`, (t) => t.pass());
    return;
  }
  test.serial(title, async (t) => {
    const stage = await Stage.create(t, {}, lower);
    chmodSync(stage.root, 0o755);
    await body(t, stage);
    await stage.unmount();
  });
}

/** Runs a shell script in the mount. @returns what it printed. */
export async function sh(stage: Stage, script: string): Promise<string> {
  return (await run('sh', ['-euc', script], { cwd: stage.target, env: { ...process.env, LC_ALL: 'C' } }))
    .stdout;
}

/** Runs a Python script in the mount. @returns what it printed. */
export async function python(stage: Stage, script: string): Promise<string> {
  return (await run('python3', ['-c', script], { cwd: stage.target })).stdout;
}

/**
 * A test that runs the shell script `script` in a mount whose lower branch `setUp` has filled, and in a plain directory that it
 * has filled too: both print the same, and hold the same afterwards, also when the union is mounted again. The script runs with
 * the errors of its commands printed; what differs from one file system to the next it must not print.
 */
export function alike(title: string, needs: Needs, setUp: string, script: string): void {
  mounted(title, {}, { ...needs, programs: ['python3', ...(needs.programs ?? [])] }, async (t, stage) => {
    const plain = join(stage.root, 'plain');
    const lower = stage.lowers[0] as string;
    execFileSync('sh', ['-euc', `umask 022; ${setUp}`], { cwd: lower });
    execFileSync('cp', ['-a', lower, plain]);
    await stage.mount();
    const ours = await run('sh', ['-uc', `exec 2>&1; ${script}`], { cwd: stage.target, env: ENVIRONMENT });
    const theirs = await run('sh', ['-uc', `exec 2>&1; ${script}`], { cwd: plain, env: ENVIRONMENT });
    t.is(ours.stdout, theirs.stdout);
    const wanted = await listing(plain);
    t.is(await listing(stage.target), wanted, 'what is there afterwards');
    await stage.remount();
    t.is(await listing(stage.target), wanted, 'mounted again');
  });
}

const ENVIRONMENT = { ...process.env, LC_ALL: 'C' };

/** Everything below a directory with its attributes and content, as text. */
async function listing(root: string): Promise<string> {
  const attributes = "find . -mindepth 1 -printf '%p %y %m %U %G %l\\n' | sort";
  const content = 'find . -type f -print0 | sort -z | xargs -0r cksum';
  const lists = has('getfacl')
    ? 'find . -mindepth 1 ! -type l -print0 | sort -z | xargs -0r getfacl -n'
    : ':';
  return (await run('sh', ['-c', `${attributes}; ${content}; ${lists}`], { cwd: root, env: ENVIRONMENT }))
    .stdout;
}
