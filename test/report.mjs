// SPDX-License-Identifier: MIT
// Runs the AVA tests and ends with one plain line: "N passed, N failed", with ", N skipped" if there are any.
// Arguments go to ava (files, --match, --serial).
//
// Test lines are counted here: ava's own "# fail" counts todo tests too, and when ava times out its TAP reporter ends
// without a summary. The exit status has the last word, so a crash is a failure whatever was printed.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ava = fileURLToPath(new URL('../node_modules/ava/entrypoints/cli.mjs', import.meta.url));
const child = spawn(process.execPath, [ava, '--tap', ...process.argv.slice(2)], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: ['inherit', 'pipe', 'inherit'],
});
const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));

let passed = 0;
let failed = 0;
let skipped = 0;
for await (const line of createInterface({ input: child.stdout })) {
  const result = /^(not )?ok \d+\b.*?(# (?:SKIP|TODO)\b.*)?$/.exec(line);
  if (result?.[2]) skipped++;
  else if (result?.[1]) failed++;
  else if (result) passed++;
  if (!/^(TAP version|# (tests|pass|skip|fail) |1\.\.)/.test(line)) console.log(line);
}

const status = await exited;
if (status !== 0 && failed === 0) {
  console.log(`not ok - ava ended with ${status}`);
  failed = 1;
}
if (status === 0 && passed + failed === 0) {
  console.log('not ok - no test ran');
  failed = 1;
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;
