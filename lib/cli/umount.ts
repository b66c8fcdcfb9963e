// SPDX-License-Identifier: MIT

import { hasCode } from '../errors.ts';
import { unmount } from '../mount.ts';
import { findByName } from '../store/find_layer.ts';
import { isLayerPrefix } from '../store/layer_id.ts';
import type { Context, Verb } from './verb.ts';
import { print } from './verb.ts';

/** `node-aufs umount`: unmounts layers or directories; prints nothing on success. */
export const umount: Verb = (program, run) => {
  program
    .command('umount')
    .alias('unmount')
    .description('unmount a layer, or whatever is mounted on a directory')
    .argument('<layer-or-target...>', 'a layer of the store, or a path')
    .option('-l, --lazy', 'take it out of sight although it is in use')
    .action((names: string[], { lazy = false }: { lazy?: boolean }, command) =>
      run(command, async (context) => {
        const unmounted: string[] = [];
        for (const name of names) {
          const target = (await mountpointOfLayer(context, name)) ?? name;
          await unmount(target, { lazy });
          unmounted.push(target);
        }
        if (context.json) print(context, { unmounted }, () => '');
      }),
    );
};

/** A word without a slash that is the name of a layer, or begins the id of one, is that layer. */
async function mountpointOfLayer(context: Context, name: string): Promise<string | undefined> {
  if (name.includes('/')) return undefined;
  try {
    await using store = await context.openStore();
    const named = findByName(await store.layers(), name);
    if (named !== undefined) return named.mountPath;
    if (!isLayerPrefix(name)) return undefined;
    return (await store.layer(name, { damaged: true })).mountPath;
  } catch (error) {
    if (hasCode(error, 'ERR_STORE') || hasCode(error, 'ERR_LAYER_NOT_FOUND')) return undefined;
    throw error;
  }
}
