// SPDX-License-Identifier: MIT
// What a user gets: the packed tarball, installed in an empty directory where no compiler is on PATH.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The user's program: no root, no mount. Prints what it read and what the server said. */
const PROGRAM = `
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Union } from 'node-aufs';

await mkdir('upper');
await mkdir('lower');
await writeFile('lower/x', 'from below');
const union = await Union.open({ branches: ['upper', 'lower'] });
const before = await union.readFile('x', 'utf8');
await union.writeFile('x', 'from above');
const after = await union.readFile('x', 'utf8');
await union[Symbol.asyncDispose]();

// Not part of the API, so by path: the mount finds the server with it.
const { serverPath } = await import(new URL('./node_modules/node-aufs/dist/server_path.js', import.meta.url).href);
const server = spawnSync(serverPath(), ['--version'], { encoding: 'utf8' });
console.log(JSON.stringify({
  before, after, lower: await readFile('lower/x', 'utf8'), upper: await readFile('upper/x', 'utf8'),
  server: serverPath(), status: server.status, version: server.stdout.trim(),
}));
`;

test('the packed tarball works where there is no compiler', async (t) => {
  t.timeout(180_000);
  const work = await realpath(await mkdtemp(join(tmpdir(), 'node-aufs-pack-')));
  t.teardown(() => rm(work, { recursive: true, force: true }));

  // Packed from a copy: prebuilds/ and a build/ of this checkout are not touched while other tests use them.
  const stage = join(work, 'stage');
  const { files, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    files: string[];
    dependencies: Record<string, string>;
  };
  const folders = [
    'dist',
    'lib',
    'native',
    'binding.gyp',
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ];
  for (const name of folders.filter((path) => existsSync(join(root, path)))) {
    await cp(join(root, name), join(stage, name), { recursive: true });
  }
  run(t, process.execPath, [join(root, 'native/prebuild.mjs'), '--staged', stage]);
  t.true(files.includes('prebuilds'));

  // The dependencies are packed from node_modules, so that the test needs no network.
  const tarballs = [stage, ...Object.keys(dependencies).map((name) => join(root, 'node_modules', name))].map(
    (folder) => join(work, npm(t, ['pack', folder, '--ignore-scripts', '--silent'], { cwd: work }).trim()),
  );

  const user = join(work, 'user');
  const bin = join(work, 'bin');
  await mkdir(user);
  await mkdir(bin);
  for (const [name, target] of [
    ['node', process.execPath],
    ['sh', '/bin/sh'],
    // for `npm install`'s `#!/usr/bin/env node` scripts, where env looks at PATH too
    ['env', '/usr/bin/env'],
  ] as const) {
    await symlink(target, join(bin, name));
  }
  const env = { HOME: work, PATH: bin, npm_config_cache: join(work, 'cache') };
  await writeFile(join(user, 'package.json'), '{ "private": true, "type": "module" }\n');
  npm(t, ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], { cwd: user, env });
  t.false(existsSync(join(user, 'node_modules/node-aufs/build')), 'nothing was compiled');

  await writeFile(join(user, 'program.js'), PROGRAM);
  const seen = JSON.parse(run(t, process.execPath, ['program.js'], { cwd: user, env }));
  t.like(seen, {
    before: 'from below',
    after: 'from above',
    lower: 'from below',
    upper: 'from above',
    status: 0,
  });
  t.true(seen.server.startsWith(join(user, 'node_modules/node-aufs/prebuilds/')), seen.server);
  t.regex(seen.version, /\d+\.\d+\.\d+/);

  // The CLI of the same install.
  t.regex(
    run(t, join(user, 'node_modules/.bin/node-aufs'), ['--version'], { cwd: user, env }),
    /\d+\.\d+\.\d+/,
  );
});

interface Where {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

function run(t: ExecutionContext, file: string, args: readonly string[], where: Where = {}): string {
  const { status, error, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', ...where });
  if (status !== 0) t.log(file, args.join(' '), error ?? '', stdout, stderr);
  t.is(status, 0, `${file} ${args.join(' ')}`);
  return stdout;
}

/** npm itself needs no PATH: it is a program of node's. */
function npm(t: ExecutionContext, args: readonly string[], where: Where): string {
  return run(t, process.execPath, [npmCli(), ...args], where);
}

function npmCli(): string {
  const candidates = [
    process.env['npm_execpath'],
    join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
    '/usr/share/nodejs/npm/bin/npm-cli.js',
  ];
  const found = candidates.find((path) => path?.endsWith('npm-cli.js') && existsSync(path));
  if (found === undefined) throw new Error('npm was not found; run this test with: npm test');
  return found;
}
