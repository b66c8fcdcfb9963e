// SPDX-License-Identifier: MIT
// Modules of lib/ in processes of their own.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newest } from '../../native/build.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tsx = import.meta.resolve('tsx');

/** Compiled modules are up in a third of the time; dist/ has them, unless somebody has changed lib/ since. */
const compiled =
  newest(join(root, 'lib'), (name: string) => name.endsWith('.ts')) <=
  modified(join(root, 'dist/.tsbuildinfo'));

/** The file of a module of lib/: `cli/main`. */
export function modulePath(name: string): string {
  return join(root, compiled ? `dist/${name}.js` : `lib/${name}.ts`);
}

/** The same for `import(…)` in a script. */
export function moduleName(name: string): string {
  return JSON.stringify(modulePath(name));
}

/** Arguments of Node that let it run such a file. */
export const nodeArgs: readonly string[] = compiled ? [] : [`--import=${tsx}`];

/** Arguments of Node that have it run a script which imports {@link moduleName}. */
export function scriptArgs(script: string): string[] {
  return [...nodeArgs, '--input-type=module', '-e', script];
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
