// SPDX-License-Identifier: MIT
import { linkSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { oneOf, type Pick } from '../helpers/random.ts';

const OPAQUE = '.wh..wh..opq';
const OLD = 1_000_000_000;

export interface LayerOptions {
  /** Also marks that hide what is below. */
  readonly whiteouts: boolean;
  /** Also files of several names. */
  readonly hardLinks: boolean;
}

/** Puts random files, symlinks and directories into the directory `root`. */
export function randomLayer(root: string, pick: Pick, { whiteouts, hardLinks }: LayerOptions): void {
  const made: string[] = [];
  const fill = (path: string, depth: number): void => {
    mkdirSync(path, { recursive: true });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const at = join(path, name);
      const kind = pick(depth < 3 ? 10 : 6);
      if (kind < 2) {
        writeFileSync(at, oneOf(pick, ['', 'some text', 'z'.repeat(9000)]), {
          mode: oneOf(pick, [0o644, 0o755]),
        });
        made.push(at);
      } else if (kind === 2 && hardLinks && made.length > 0) linkSync(oneOf(pick, made), at);
      else if (kind === 3) symlinkSync(oneOf(pick, ['a', 'b/c', 'nowhere']), at);
      else if (kind === 4 && whiteouts) writeFileSync(join(path, `.wh.${name}`), '');
      else if (kind > 5) fill(at, depth + 1);
    }
    if (whiteouts && depth > 0 && pick(4) === 0) writeFileSync(join(path, OPAQUE), '');
  };
  fill(root, 0);
  settle(root);
}

/** Gives everything in `root` the same old time, so that one can tell what was touched. */
function settle(root: string): void {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (entry.isDirectory()) settle(join(root, entry.name));
    else lutimesSync(join(root, entry.name), OLD, OLD);
  }
  lutimesSync(root, OLD, OLD);
}
