// SPDX-License-Identifier: MIT
// Stacks of branches of any kind, for tests of several writable branches and of changes while a union is in use.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BranchStack } from '../../lib/branch_stack.ts';
import { readMounts } from '../../lib/mount/mountinfo.ts';
import { type Mount, type MountOptions, mount, unmount } from '../../lib/mount.ts';
import type { Branch, BranchMode, UnionOptions } from '../../lib/options.ts';
import { Union } from '../../lib/union.ts';
import { DirectoryPlace, type Place, UnionPlace } from '../helpers/place.ts';
import { canMount, isRoot, run } from '../helpers/stage.ts';
import { readTree, type Tree, writeTree } from '../helpers/tree.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

/** A branch that a test asks for. */
export interface Plan {
  readonly mode?: BranchMode;
  readonly tree?: Tree;
  /** On a tmpfs of its own, of this many MiB. */
  readonly mib?: number;
}

export type Plans = { readonly [name: string]: Plan };

/** Branches in a directory that goes away with the test, and a mountpoint. The union's own are those with a mode. */
export class Rig {
  readonly root: string;
  readonly target: string;
  readonly branches: readonly Branch[];

  private constructor(root: string, branches: readonly Branch[]) {
    this.root = root;
    this.target = join(root, 'mnt');
    this.branches = branches;
  }

  static async create(t: ExecutionContext, plans: Plans): Promise<Rig> {
    const root = await temporaryDirectory(t);
    const stack = Object.entries(plans).flatMap(([name, { mode }]) =>
      mode === undefined ? [] : [{ path: join(root, name), mode }],
    );
    const rig = new Rig(root, stack);
    await mkdir(rig.target);
    t.teardown(() => rig.release());
    for (const [name, { tree = {}, mib }] of Object.entries(plans)) {
      const path = rig.path(name);
      await mkdir(path);
      if (mib !== undefined) await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=0755`, 'rig', path]);
      await writeTree(path, tree);
    }
    return rig;
  }

  /** The path of a branch, or of something in it. */
  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** A path in the mount. */
  at(...names: string[]): string {
    return join(this.target, ...names);
  }

  /** What a branch holds. */
  read(name: string): Promise<Tree> {
    return readTree(this.path(name));
  }

  mount(options: Partial<MountOptions> = {}): Promise<Mount> {
    return mount(this.target, { branches: this.branches, ...options });
  }

  open(options: Partial<UnionOptions> = {}): Promise<Union> {
    return Union.open({ branches: this.branches, ...options });
  }

  /** Takes down every mount of this rig, the topmost first. */
  async release(): Promise<void> {
    for (const { target } of (await readMounts()).reverse()) {
      if (target.startsWith(`${this.root}/`)) await unmount(target, { lazy: true }).catch(() => undefined);
    }
  }
}

/** A union of a rig, mounted or in this process. */
export interface Front {
  readonly name: 'mount' | 'union';
  readonly place: Place;
  readonly stack: BranchStack;
}

/** What it gives is done when the union is closed. */
type Body = (t: ExecutionContext, rig: Rig, front: Front) => Promise<undefined | (() => Promise<void>)>;
type FrontOptions = Partial<MountOptions> & Partial<UnionOptions>;

/** The same test on a mount and on a union in this process. */
export function onBoth(title: string, plans: Plans, options: FrontOptions, body: Body): void {
  const disks = Object.values(plans).some(({ mib }) => mib !== undefined);
  const lack = disks && !isRoot ? ' (needs root)' : '';
  const mounting = canMount && lack === '' ? test.serial : test.skip;
  mounting(`mount: ${title}${canMount ? lack : ' (needs /dev/fuse)'}`, async (t) => {
    const rig = await Rig.create(t, plans);
    const mounted = await rig.mount(options);
    const place = new DirectoryPlace(rig.target);
    const afterwards = await body(t, rig, { name: 'mount', place, stack: mounted.branches });
    await mounted.unmount();
    await afterwards?.();
  });
  (lack === '' ? test.serial : test.skip)(`union: ${title}${lack}`, async (t) => {
    const rig = await Rig.create(t, plans);
    const union = await rig.open(options);
    t.teardown(() => union.close());
    const afterwards = await body(t, rig, {
      name: 'union',
      place: new UnionPlace(union),
      stack: union.stack,
    });
    await union.flushHardLinks();
    await union.close();
    await afterwards?.();
  });
}

/** A test of a mount; skipped loudly where there can be none, or no `root`. */
export function onMount(
  title: string,
  plans: Plans,
  body: (t: ExecutionContext, rig: Rig) => Promise<void>,
  needs: { readonly root?: boolean } = {},
): void {
  const lack = !canMount ? ' (needs /dev/fuse)' : needs.root === true && !isRoot ? ' (needs root)' : '';
  (lack === '' ? test.serial : test.skip)(`${title}${lack}`, async (t) => {
    await body(t, await Rig.create(t, plans));
  });
}
