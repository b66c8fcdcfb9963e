// SPDX-License-Identifier: MIT
import { chmod, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { binding } from '../binding.ts';
import { AufsError, native } from '../errors.ts';
import { mayChown } from './may_chown.ts';

/**
 * Copies the directory `from` into the empty directory `diff`, to the place `at` within it. Who may not give files away owns the copies.
 */
export async function copyInto(diff: string, from: string, at: string): Promise<undefined> {
  const names = at.split('/').filter((name) => name !== '' && name !== '.');
  const bad = names.find((name) => name === '..' || name.startsWith('.wh.'));
  if (bad !== undefined) {
    throw new AufsError(
      'ERR_RESERVED_NAME',
      `cannot put a copy at '${at}' of a layer: '${bad}' is not a usable name`,
      {
        hint: "give a path below the layer's root without '..' and names that begin '.wh.'",
        path: at,
      },
    );
  }
  if (!(await stat(from)).isDirectory()) {
    throw new AufsError('ERR_USAGE', `cannot make a layer of '${from}': it is not a directory`, {
      path: from,
    });
  }
  let place = diff;
  for (const name of names) {
    place = join(place, name);
    await mkdir(place);
    await chmod(place, 0o755);
  }
  await native(binding().copyTree(from, place, await mayChown()));
}
