// SPDX-License-Identifier: MIT
// Mounts `rw` over `ro` on `mnt`, all in the directory given, writes through it and unmounts; says how far that went.
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mount } from '../../lib/mount.ts';
import { Union } from '../../lib/union.ts';

const [directory = ''] = process.argv.slice(2);
const branches = [join(directory, 'rw'), join(directory, 'ro')];
try {
  await using mounted = await mount(join(directory, 'mnt'), { branches });
  await appendFile(join(mounted.target, 'a'), '+');
  console.log(`mounted ${await readFile(join(mounted.target, 'a'), 'utf8')}`);
  const { passthrough, nearCaller, nearCallerReason } = await mounted.stats();
  console.log(`passthrough ${passthrough}, near caller ${nearCaller} ${nearCallerReason}`);
} catch (error) {
  console.log(String(error));
  await using union = await Union.open({ branches });
  console.log(`without a mount: ${await union.readFile('a', 'utf8')}`);
}
