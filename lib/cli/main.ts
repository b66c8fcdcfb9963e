#!/usr/bin/env node
// SPDX-License-Identifier: MIT
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

// The first signal calls the command off, so that it can leave things clean; a second one ends the process.
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)));
}

process.exitCode = await runProgram(process.argv.slice(2), processTerminal(), interrupted.signal);
