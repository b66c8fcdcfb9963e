// SPDX-License-Identifier: MIT
import { AufsError, hasCode } from '../errors.ts';
import type { Layer } from '../store/index.ts';
import { Union } from '../union.ts';
import type { Report } from './report.ts';
import { MountedWorkplace, UnionWorkplace, type Workplace } from './workplace.ts';

/** A workplace that is given back when the block ends. */
export interface OpenWorkplace extends AsyncDisposable {
  readonly workplace: Workplace;
  close(): Promise<void>;
}

/** What says that this machine or user cannot mount, as opposed to: something is broken. */
const CANNOT_MOUNT = ['ERR_FUSE_DEVICE', 'ERR_FUSERMOUNT', 'ERR_MOUNT_DENIED'];

/** Mounts the layer, or opens it in this process where mounting is not possible here, and says which. */
export async function openWorkplace(
  layer: Layer,
  { mounting, report }: { readonly mounting: boolean; readonly report: Report },
): Promise<OpenWorkplace> {
  if (mounting) {
    try {
      return await mounted(layer, report);
    } catch (error) {
      if (!(error instanceof AufsError) || !CANNOT_MOUNT.some((code) => hasCode(error, code))) throw error;
      report.line('  No mount here, so the engine does it in this process:');
      report.block(error.message);
    }
  }
  const union = await Union.open({ branches: layer.branches() });
  const close = (): Promise<void> => union.close();
  return { workplace: new UnionWorkplace(union), close, [Symbol.asyncDispose]: close };
}

async function mounted(layer: Layer, report: Report): Promise<OpenWorkplace> {
  const started = performance.now();
  const mount = await layer.mount();
  const took = (performance.now() - started).toFixed(0);
  report.line(`  mounted in ${took} ms on ${mount.target}`);
  const passthrough = mount.passthrough ? 'with passthrough' : 'without passthrough';
  report.line(`  driver ${mount.driver}, ${passthrough}, server process ${mount.serverPid}`);
  for (const { driver, reason } of mount.driversRejected) report.line(`  not ${driver}: ${reason}`);
  const close = async (): Promise<void> => {
    await layer.unmount();
    report.expect('unmounted', await layer.mounted(), false);
  };
  const dispose = async (): Promise<void> => {
    if (await layer.mounted()) await layer.unmount({ lazy: true });
  };
  const say = (command: string): void => report.block(command);
  return { workplace: new MountedWorkplace(mount, say), close, [Symbol.asyncDispose]: dispose };
}
