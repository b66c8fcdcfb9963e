// SPDX-License-Identifier: MIT
// Writes native/sources.gypi, the one list of sources for binding.gyp and CMakeLists.txt, from the folders.
//   node native/list-sources.mjs           rewrites the file if it is out of date
//   node native/list-sources.mjs --check   only says so, with exit status 1
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const listFile = join(native, 'sources.gypi');
const ENGINE_FOLDERS = ['base', 'sys', 'union', 'layer', 'mount'];

/** Files below `folder` that end in `suffix`, as paths relative to native/, in the same order everywhere. */
function filesIn(folder, suffix) {
  const root = join(native, folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(native, join(entry.parentPath ?? entry.path, entry.name)))
    .sort((a, b) => (a < b ? -1 : 1));
}

/** What sources.gypi has to contain now. Strict JSON, so that CMake's string(JSON) reads it too. */
export function sourcesGypi() {
  const fuse = filesIn('fuse', '.cc');
  const isMain = (file) => file === 'fuse/main.cc';
  // gyp makes paths in variables that end in `_files` relative to this file, and leaves other names alone.
  const variables = {
    engine_files: ENGINE_FOLDERS.flatMap((folder) => filesIn(folder, '.cc')),
    addon_files: filesIn('node', '.cc'),
    fuse_files: fuse.filter((file) => !isMain(file)),
    fuse_main_files: fuse.filter(isMain),
    native_test_files: filesIn('../test/native', '_test.cc'),
  };
  return `${JSON.stringify({ variables }, null, 2)}\n`;
}

/** @returns {boolean} whether sources.gypi says what the folders say */
export function isUpToDate() {
  return existsSync(listFile) && readFileSync(listFile, 'utf8') === sourcesGypi();
}

/** Brings sources.gypi up to date; does not touch it when it is. */
export function updateSources() {
  if (isUpToDate()) return;
  writeFileSync(listFile, sourcesGypi());
  console.error('native/sources.gypi: updated');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (!process.argv.includes('--check')) updateSources();
  else if (!isUpToDate()) {
    console.error('native/sources.gypi is out of date; run:  npm run sources');
    process.exitCode = 1;
  }
}
