// SPDX-License-Identifier: MIT
// Formats the C++ sources, or with --check only tells which are not.
// clang-format 14 (Debian's clang-format-14) gives the verdict; CLANG_FORMAT names another binary.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
const candidates = [process.env.CLANG_FORMAT, 'clang-format-14', 'clang-format'].filter(Boolean);
const formatter = candidates.find((name) => spawnSync(name, ['--version']).status === 0);

if (!formatter) {
  console.error('C++ format: SKIPPED, clang-format-14 is not installed');
  process.exit(check && !process.env.CI ? 0 : 1);
}

const files = ['native', 'test/native'].filter((folder) => existsSync(join(root, folder))).flatMap(sources);
const mode = check ? ['--dry-run', '-Werror'] : ['-i'];
const { status } = spawnSync(formatter, [...mode, ...files], { cwd: root, stdio: 'inherit' });
if (check)
  console.log(
    `C++ format: ${files.length} files, ${status === 0 ? 'all as they should be' : 'run: npm run format'}`,
  );
process.exit(status ?? 1);

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(folder, name));
}
