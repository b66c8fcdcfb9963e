// SPDX-License-Identifier: MIT
// The rules of docs/architecture.md that a machine can check. A new arrow between folders is a change of this table
// and of that page, in the same commit.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { isUpToDate } from '../native/list-sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each folder of native/ may include besides itself. Arrows point down only. */
const MAY_INCLUDE: Readonly<Record<string, readonly string[]>> = {
  base: [],
  sys: ['base'],
  union: ['base', 'sys'],
  mount: ['base', 'sys'],
  layer: ['base', 'sys', 'union'],
  fuse: ['base', 'sys', 'union'],
  node: ['base', 'sys', 'union', 'mount', 'layer'],
};

/** Headers that belong to one folder: Node's to the glue, the raw system calls' to sys. */
const OWNED_HEADERS: readonly { readonly header: RegExp; readonly owner: string }[] = [
  { header: /^(napi\.h|uv\.h|node_api\.h|node\.h|v8\.h)$/, owner: 'node' },
  { header: /^(sys\/(ioctl|syscall|sendfile)\.h|linux\/openat2\.h)$/, owner: 'sys' },
];

/** Calls of the global namespace allowed outside sys: `base` closes its own descriptors, and that is all. */
const RAW_CALLS_ALLOWED: Readonly<Record<string, readonly string[]>> = { sys: ['*'], base: ['close'] };

/** Arithmetic that <sys/sysmacros.h> gives function names. */
const NOT_CALLS: readonly string[] = ['major', 'minor', 'makedev'];

const MAX_LINES = 500;

interface Source {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
}

function sources(folder: string, name: RegExp): Source[] {
  const directory = join(root, folder);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => name.test(file))
    .map((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      return { path: join(folder, file), text, code: withoutComments(text) };
    });
}

/** Strings are kept, so that a `//` in one of them hides nothing that follows. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, literal?: string) => literal ?? ' ',
  );
}

const cxx = (folder: string): Source[] => sources(join('native', folder), /\.(cc|h)$/);
const typescript = sources('lib', /\.ts$/);

test('every folder of native/ is in the table', (t) => {
  const folders = readdirSync(join(root, 'native'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  t.deepEqual(
    folders.filter((folder) => !Object.hasOwn(MAY_INCLUDE, folder)),
    [],
  );
});

for (const [folder, allowed] of Object.entries(MAY_INCLUDE)) {
  test(`native/${folder} depends on [${allowed.join(', ')}] only`, (t) => {
    const wrong: string[] = [];
    for (const { path, code } of cxx(folder)) {
      for (const [, header = ''] of code.matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"]+)"/gm)) {
        const [target = ''] = header.split('/');
        if (!header.includes('/')) wrong.push(`${path}: "${header}" (write "${folder}/${header}")`);
        else if (target !== folder && !allowed.includes(target)) wrong.push(`${path}: "${header}"`);
      }
    }
    t.deepEqual(wrong, []);
  });

  test(`native/${folder} includes no system header of another folder`, (t) => {
    const wrong: string[] = [];
    for (const { path, code } of cxx(folder)) {
      for (const [, header = ''] of code.matchAll(/^[ \t]*#[ \t]*include[ \t]*<([^>]+)>/gm)) {
        const owned = OWNED_HEADERS.find((entry) => entry.header.test(header));
        if (owned && owned.owner !== folder) wrong.push(`${path}: <${header}> belongs to ${owned.owner}`);
      }
    }
    t.deepEqual(wrong, []);
  });

  test(`native/${folder} makes no raw system call${folder === 'sys' ? ' that is not its own' : ''}`, (t) => {
    const allowedCalls = RAW_CALLS_ALLOWED[folder] ?? [];
    const wrong: string[] = [];
    for (const { path, code } of allowedCalls.includes('*') ? [] : cxx(folder)) {
      // `::open(`, but neither `sys::open(` nor `Type<T>::open(`
      for (const [, call = ''] of code.matchAll(/(?<![\w>]\s*)::\s*([a-z_]\w*)\s*\(/g)) {
        if (![...allowedCalls, ...NOT_CALLS].includes(call)) wrong.push(`${path}: ::${call}(`);
      }
    }
    t.deepEqual(wrong, [], 'wrap it in native/sys');
  });
}

test('only lib/binding.ts loads native code', (t) => {
  const wrong = typescript
    .filter(({ path }) => path !== join('lib', 'binding.ts'))
    .filter(({ code }) => /node-gyp-build|\.node['"`]|process\.dlopen/.test(code))
    .map(({ path }) => path);
  t.deepEqual(wrong, []);
});

test('lib/docker stands on lib/store, and only the command and the index stand on it', (t) => {
  const wrong = typescript
    .filter(({ path }) => !/^lib\/(docker|cli)\/|^lib\/index\.ts$/.test(path))
    .filter(({ code }) => /from '[^']*\/docker\//.test(code))
    .map(({ path }) => path);
  t.deepEqual(wrong, []);
});

test('lib/index.ts re-exports only', (t) => {
  const index = typescript.find(({ path }) => path === join('lib', 'index.ts'));
  if (!index) return t.fail('lib/index.ts is missing');
  const rest = index.code.replace(/export\s+(type\s+)?(\*(\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+';/g, '');
  t.is(rest.trim(), '');
});

test(`no file of native/ or lib/ is over ${MAX_LINES} lines`, (t) => {
  const long = [...sources('native', /\.(cc|h|mjs)$/), ...typescript]
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines}`);
  t.deepEqual(long, []);
});

test('every source says its licence in the first line', (t) => {
  const files = [
    ...sources('native', /\.(cc|h|mjs)$/),
    ...typescript,
    ...sources('test', /\.(ts|mjs|cc|h)$/),
  ];
  const without = files
    .filter(({ text }) => !/^(#!.*\n)?\/\/ SPDX-License-Identifier: MIT\n/.test(text))
    .map(({ path }) => path);
  t.deepEqual(without, []);
});

test('native/sources.gypi lists the sources that there are', (t) => {
  t.true(
    isUpToDate(),
    `${relative(root, join(root, 'native/sources.gypi'))} is out of date; run: npm run sources`,
  );
});
