// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

/** The package's version. */
export function version(): string {
  // lib/cli/ and dist/cli/ are both two levels below package.json.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}
