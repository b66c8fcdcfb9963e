// SPDX-License-Identifier: MIT
import { AgentProcess } from './agent_process.ts';
import { Comparison, type Difference } from './compare.ts';
import { Disks } from './disks.ts';
import { type Engine, NoSuchOperation, type Stage } from './engine.ts';
import { type Answer, DOCKER_OPTIONS, type Entry, type Op, type Recording } from './recording.ts';

/** Operations whose answers only the kernel's module could give. */
const UNANSWERABLE: Readonly<Record<string, string>> = {
  proc_mounts: 'the line of AUFS in /proc/mounts',
};

export interface Replayed {
  readonly differences: readonly Difference[];
  /** Operations that the engine does not have, neither done nor compared, and why. */
  readonly left: readonly string[];
}

/** Plays a recorded scenario on an engine. */
export async function replay(
  recording: Recording,
  createEngine: (stage: Stage) => Engine,
): Promise<Replayed> {
  const { branches, extra_branches: extra = [], setup, ops, opts = DOCKER_OPTIONS } = recording.scenario;
  // Deliberate difference 1: AUFS's EXDEV has to be asked for.
  const options = /\bdirren\b/.test(opts) ? opts : `${opts},nodirren`;
  const names = [...branches, ...extra].map(({ name }) => name);
  await using disks = await Disks.create([...branches, ...extra]);
  await using agent = new AgentProcess(disks.base, disks.mountpoint, names);
  const engine = createEngine({ disks, branches, options, agent });
  const comparison = new Comparison();
  const left: string[] = [];

  await agent.run({ op: 'setup', entries: setup });
  if (!recording.scenario.no_mount)
    comparison.answer('mount', { op: 'mount' }, { errno: null }, await engine.show());
  for (const [i, op] of ops.entries()) {
    const at = `op[${i}] ${op.op} ${shown(op)}`.trim();
    if (Object.hasOwn(UNANSWERABLE, op.op)) continue;
    try {
      const got = await perform(engine, agent, op);
      if (op.op === 'mount') comparison.remounted();
      comparison.answer(at, op, recording.ops[i] as Answer, got);
    } catch (error) {
      if (!(error instanceof NoSuchOperation)) throw error;
      left.push(`${at}: ${error.message}`);
      if (!error.changes) continue;
      left.push('everything after it, which depends on it');
      await engine.hide();
      return { differences: comparison.differences, left };
    }
  }
  if (recording.merged) comparison.tree('merged', recording.merged, await engine.tree(), false);
  await agent.run({ op: 'release' });
  await engine.hide();
  for (const [branch, recorded] of Object.entries(recording.raw)) {
    const got = (await agent.run({ op: 'dump', branch })).ret as unknown as Entry[];
    comparison.tree(`raw ${branch}:`, recorded, got, true);
  }
  return { differences: comparison.differences, left };
}

async function perform(engine: Engine, agent: AgentProcess, op: Op): Promise<Answer> {
  if (op.op === 'mount') return engine.show();
  if (op.op === 'umount') return engine.hide();
  const direct = [op.path, op['from']].some((path) => typeof path === 'string' && path.startsWith('@'));
  // Behind the back of the union.
  return direct || op.op === 'dump' ? agent.run(op) : engine.run(op);
}

function shown(op: Op): string {
  const names = [op.path, op['from'], op['to'], op['fd'], op['map'], op['branch']].filter(
    (name) => name !== undefined,
  );
  return names
    .map((name) => (String(name).length > 40 ? `${String(name).slice(0, 12)}…` : String(name)))
    .join(' ');
}
