// SPDX-License-Identifier: MIT
// Processes of their own that work with a store.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { Store } from '../../lib/store/index.ts';
import { moduleName, nodeArgs, scriptArgs } from '../helpers/other_process.ts';

/** Arguments of a process that does `work` with `store` and its `driver`, says `ready`, and then waits, or ends. */
export function program(
  store: Store,
  work: string,
  wait: boolean,
  module = moduleName('store/index'),
): string[] {
  const script = `
    const { openStore } = await import(${module});
    const store = await openStore(${JSON.stringify(store.root)});
    const driver = store.graphDriver();
    ${work};
    console.log('ready');
    ${wait ? 'setInterval(() => {}, 1000)' : ''}`;
  return scriptArgs(script);
}

/** The same script without TypeScript, for very many processes: {@link program} with a module of {@link compiledStore}. */
export function plainProgram(store: Store, work: string, module: string): string[] {
  return program(store, work, false, module).slice(nodeArgs.length);
}

interface Compiler {
  buildSync(options: Readonly<Record<string, unknown>>): unknown;
}

/** lib/store/ in one JavaScript file, which is gone with the test; as import() takes it. */
export async function compiledStore(t: ExecutionContext): Promise<string> {
  const { buildSync } = createRequire(import.meta.resolve('tsx'))('esbuild') as Compiler;
  // As lib/ is, one level below the package: from there it finds the addon and the server.
  const outfile = fileURLToPath(new URL(`../../build/store-${process.pid}.mjs`, import.meta.url));
  t.teardown(() => rm(outfile, { force: true }));
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../lib/store/index.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20',
  });
  return JSON.stringify(pathToFileURL(outfile).href);
}

/** Runs `node` with these arguments; rejects if it fails. @returns what it printed. */
export async function runNode(args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, args)).stdout;
}
