// SPDX-License-Identifier: MIT
import { layerApply } from './layer_apply.ts';
import { layerDiff } from './layer_diff.ts';
import { layerIndex } from './layer_index.ts';
import type { Verb } from './verb.ts';

/** `node-aufs layer`: layers as archives, and their indexes. */
export const layer: Verb = (program, run) => {
  const group = program.command('layer').description('layers as tar archives: apply, diff; index');
  layerApply(group, run);
  layerDiff(group, run);
  layerIndex(group, run);
};
