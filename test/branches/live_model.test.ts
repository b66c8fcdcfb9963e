// SPDX-License-Identifier: MIT
// Random calls to a union while branches come, go and change. What it shows is at any time what a union shows that is
// opened now on the same branches; nothing that the old stack showed is left in a cache. SEED=n repeats one.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BranchStack } from '../../lib/branch_stack.ts';
import { hasCode } from '../../lib/errors.ts';
import { mountedBranches } from '../../lib/mount.ts';
import type { BranchMode } from '../../lib/options.ts';
import type { Union } from '../../lib/union.ts';
import type { Call } from '../helpers/agent.ts';
import { oneOf, type Pick, seeded } from '../helpers/random.ts';
import { canMount, has } from '../helpers/stage.ts';
import { randomLayer } from '../model/random_layer.ts';
import { randomCall } from '../model/story.ts';
import { hasMethod, showInProcess } from '../model/union_performer.ts';
import { type Performer, type Show, showMount } from '../model/world.ts';
import { temporaryDirectory } from '../store/store_helper.ts';

const LONG = process.env['AUFS_TEST_LONG'] !== undefined;
const ROUNDS = LONG ? 300 : 30;
const CALLS = 8;
const SEEDS =
  process.env['SEED'] === undefined
    ? Array.from({ length: LONG ? 30 : 3 }, (_, i) => i + 1)
    : [Number(process.env['SEED'])];
const MODES: readonly BranchMode[] = ['rw', 'rw', 'ro+wh', 'ro+wh', 'ro', 'rw+nolwh', 'ro+wh+coo_reg'];
/** A mapping whose file is cut kills the process; attributes are not in what is compared. */
const LEFT_OUT: ReadonlySet<string> = new Set(['mmap', 'mkfifo', 'setxattr', 'removexattr', 'remount']);
/**
 * What no call of a story may answer, whatever happens to the stack. ESTALE has who stands in a directory (in agent.py, the calls
 * that begin with `d`) that is none any more.
 */
const NEVER = /^"(EIO|ENOTCONN|EFAULT|EINTR|EAGAIN|ETXTBSY)"$/;

/** Calls by the descriptor of what may be a directory. */
const MAY_STAND = /^(d|fstat$|fchmod$|fsync$)/;

interface Scene {
  readonly performer: Performer;
  readonly stack: BranchStack;
  readonly paths: readonly string[];
}

/** One change of the stack; what may be refused is. */
async function change({ stack, paths }: Scene, pick: Pick): Promise<string> {
  const now = await stack.list();
  const spare = paths.filter((path) => now.every((branch) => branch.path !== path));
  const kind = pick(10);
  const mode = oneOf(pick, MODES);
  if (kind < 4 && spare.length > 0) {
    const [at, path] = [pick(now.length + 1), oneOf(pick, spare)];
    await stack.insert(at, { path, mode });
    return `insert ${at} ${path}=${mode}`;
  }
  const path = oneOf(pick, now).path;
  const what = kind < 8 ? `remove ${path}` : `modify ${path}=${mode}`;
  try {
    await (kind < 8 ? stack.remove(path) : stack.modify(path, mode));
    return what;
  } catch (error) {
    const last = now.length === 1 && hasCode(error, 'ERR_USAGE');
    if (!last && !hasCode(error, 'ERR_BRANCH_BUSY')) throw error;
    return `${what}: refused`;
  }
}

/** The counts of links start anew with each union; inode numbers are one's own only as long as somebody holds the inode. */
function comparable(snapshot: string): string[] {
  const lines: unknown = JSON.parse(snapshot.replaceAll(/"(nlink":\d+|same":"[^"]*")/g, '"any":0'));
  if (!Array.isArray(lines)) throw new Error(`a walk over everything: ${snapshot}`);
  return lines.map((line) => JSON.stringify(line));
}

async function fresh(stack: BranchStack): Promise<string> {
  const shown = await showInProcess({ branches: await stack.list(), readOnly: true });
  try {
    return await shown.performer.run({ op: 'snapshot' });
  } finally {
    await shown.performer[Symbol.asyncDispose]();
  }
}

type Udba = 'none' | 'reval';

async function walk(
  t: ExecutionContext,
  seed: number,
  show: Show,
  inProcess: boolean,
  udba: Udba = 'none',
): Promise<void> {
  t.timeout(600_000);
  const root = await temporaryDirectory(t);
  const pick = seeded(seed + 3_000_000);
  const paths = Array.from({ length: 6 }, (_, i) => join(root, `b${i}`));
  for (const path of paths) randomLayer(path, pick, { whiteouts: true, hardLinks: pick(2) === 0 });
  const branches = paths.slice(0, 3).map((path, i) => ({ path, mode: MODES[i] as BranchMode }));
  const target = join(root, 'mnt');
  await mkdir(target);
  const shown = await show({ branches, udba }, target);
  const told: string[] = [];
  try {
    const union = (shown.performer as { union?: Union }).union;
    const stack = union?.stack ?? mountedBranches(target);
    const scene: Scene = { performer: shown.performer, stack, paths };
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < CALLS; i++) {
        const call: Call = randomCall(pick);
        if (LEFT_OUT.has(call.op) || (inProcess && !hasMethod(call))) continue;
        const answer = await shown.performer.run(call);
        told.push(`${JSON.stringify(call)} -> ${answer.slice(0, 80)}`);
        if (NEVER.test(answer) || (answer === '"ESTALE"' && !MAY_STAND.test(call.op)))
          throw new Error(`the answer ${answer}`);
      }
      told.push(await change(scene, pick));
      const [ours, wanted] = [
        comparable(await shown.performer.run({ op: 'snapshot' })),
        comparable(await fresh(stack)),
      ];
      const more = ours.filter((line) => !wanted.includes(line));
      const less = wanted.filter((line) => !ours.includes(line));
      if (more.length + less.length > 0) {
        throw new Error(`ours:\n  ${more.join('\n  ')}\nfresh:\n  ${less.join('\n  ')}`);
      }
    }
    t.pass();
  } catch (error) {
    t.fail(`SEED=${seed}\n${told.slice(-25).join('\n')}\n${String((error as Error).stack).slice(0, 3000)}`);
  } finally {
    await shown.hide();
  }
}

const python = has('python3');
const inMount = canMount && python ? test.serial : test.skip;
const why = canMount && python ? '' : ' (needs /dev/fuse and python3)';
for (const seed of SEEDS) {
  const title = `what is shown while branches come and go is what a new union shows, SEED=${seed}`;
  inMount(`mount: ${title}${why}`, (t) => walk(t, seed, showMount, false));
  const early = seed === 1 || LONG || process.env['SEED'] !== undefined;
  if (early)
    inMount(`mount with udba=reval: ${title}${why}`, (t) => walk(t, seed, showMount, false, 'reval'));
  test.serial(`union: ${title}`, (t) => walk(t, seed, showInProcess, true));
}
