// SPDX-License-Identifier: MIT
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binding } from './binding.ts';
import { columns, humanBytes } from './cli/terminal.ts';
import { archivesInAndOut } from './demo/archives.ts';
import { openWorkplace } from './demo/open_workplace.ts';
import { picture } from './demo/picture.ts';
import { Report } from './demo/report.ts';
import { findNodeModules, findNpm, largestFile } from './demo/sources.ts';
import type { Workplace } from './demo/workplace.ts';
import { hasCode, native } from './errors.ts';
import type { CopyUp } from './mount.ts';
import { type Layer, openStore, type Store } from './store/index.ts';

// The main job from end to end on real input. `npm start -- --no-mount` keeps to the engine in this process.
const interrupted = new AbortController();
const report = new Report(interrupted.signal);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)));
}
const directory = await mkdtemp(join(tmpdir(), 'node-aufs-demo-'));
let stopped: unknown;
try {
  await using store = await openStore(join(directory, 'aufs'));
  await tell(store);
} catch (error) {
  stopped = error;
} finally {
  await native(binding().removeTree(directory));
}
report.line();
if (stopped !== undefined)
  report.line(stopped instanceof Error ? (stopped.stack ?? stopped.message) : String(stopped));
report.line(
  `${report.passed} steps as expected, ${report.failed} not${stopped === undefined ? '' : ', stopped'}`,
);
process.exitCode = report.failed === 0 && stopped === undefined ? 0 : 1;

interface Layers {
  readonly modules: Layer;
  readonly npm: Layer;
  readonly container: Layer;
  readonly names: Map<string, string>;
}

async function tell(store: Store): Promise<void> {
  report.heading('1. Two read-only layers of real trees, a writable layer on top');
  const [npmTree, modulesTree] = [await findNpm(), await findNodeModules()];
  const layers = await makeLayers(store, npmTree, modulesTree);
  const { modules, npm, container, names } = layers;
  const big = await largestFile(modulesTree, 32 * 1024 * 1024);
  report.expect('the chain of the writable layer is npm, node_modules', container.parents, [
    npm.id,
    modules.id,
  ]);

  const mounting = !process.argv.includes('--no-mount');
  report.heading(`2. ${mounting ? 'Mount it' : 'Open it without a mount (--no-mount)'}`);
  {
    await using place = await openWorkplace(container, { mounting, report });
    await readCases(place.workplace, npmTree, modulesTree);
    await writeCases(place.workplace, npm, npmTree, join('node_modules', big.path), big.size);
    report.heading('5. What copying up cost');
    copyUpTable(await place.workplace.copyUps(), join('node_modules', big.path));
    await place.close();
  }

  report.heading('6. What the writable layer changes');
  await showChanges(container, big.path);
  report.heading('7. The store on disk, as Docker laid it out');
  report.block(await picture(store, names, container));

  report.heading('8. Commit it, and a second container on the result');
  const started = performance.now();
  const committed = await container.commit();
  names.set(committed.id, 'committed');
  report.line(`  committed in ${(performance.now() - started).toFixed(0)} ms as ${committed.id}`);
  report.expect(
    'the new layer is read-only and stands on npm',
    [committed.readOnly, committed.parent],
    [true, npm.id],
  );
  const second = await store.createLayer({ parent: committed });
  {
    await using place = await openWorkplace(second, { mounting, report });
    await secondContainer(place.workplace);
    await place.close();
  }
  report.expect('its own layer holds only what it wrote', (await second.changes()).map(briefly), [
    'A /second.txt',
  ]);
  await second.remove();
  report.expect(
    'a layer that others stand on cannot be removed',
    await codeOf(npm.remove()),
    'ERR_LAYER_HAS_CHILDREN',
  );

  report.heading('9. An archive in, a container changed, its diff out');
  await archivesInAndOut({ store, report, mounting, directory }, modulesTree);
}

async function makeLayers(store: Store, npmTree: string, modulesTree: string): Promise<Layers> {
  const names = new Map<string, string>();
  const make = async (name: string, from: string, at: string, parent?: Layer): Promise<Layer> => {
    const started = performance.now();
    const layer = await store.createLayer({ from, at, parent, labels: { name }, signal: interrupted.signal });
    names.set(layer.id, name);
    const size = humanBytes(await layer.diffSize());
    report.line(
      `  ${name.padEnd(13)} ${from}: ${size}, copied in ${(performance.now() - started).toFixed(0)} ms`,
    );
    return layer;
  };
  report.line(`  store         ${store.root}`);
  const modules = await make('node_modules', modulesTree, 'node_modules');
  const npm = await make('npm', npmTree, 'node_modules/npm', modules);
  const container = await store.createLayer({ parent: npm, labels: { name: 'container' } });
  names.set(container.id, 'container');
  return { modules, npm, container, names };
}

async function readCases(place: Workplace, npmTree: string, modulesTree: string): Promise<void> {
  report.heading(`3. The three read cases (${place.how})`);
  const source = await readFile(join(modulesTree, 'commander/package.json'), 'utf8');
  report.expect(
    'lower only: a file of the lowest layer',
    await place.read('node_modules/commander/package.json'),
    source,
  );
  const names = await place.list('node_modules');
  report.expect(
    'one directory shows both layers',
    ['commander', 'npm'].filter((name) => names.includes(name)),
    ['commander', 'npm'],
  );
  await place.append('hello.txt', 'hello from the writable layer\n');
  report.expect('upper only: a new file', await place.read('hello.txt'), 'hello from the writable layer\n');
  await place.edit('node_modules/npm/package.json', '"name": "npm"', '"name": "npm-edited"');
  const edited = (await readFile(join(npmTree, 'package.json'), 'utf8')).replace(
    '"name": "npm"',
    '"name": "npm-edited"',
  );
  report.expect(
    'both: the edited file hides the one below',
    await place.read('node_modules/npm/package.json'),
    edited,
  );
}

async function writeCases(
  place: Workplace,
  npm: Layer,
  npmTree: string,
  big: string,
  size: number,
): Promise<void> {
  report.heading(`4. Write, delete, rename (${place.how})`);
  await place.append(big, '\n');
  report.expect(`first write to ${big} (${humanBytes(size)})`, (await place.read(big)).at(-1), '\n');

  await place.remove('node_modules/npm/LICENSE');
  report.expect('a deleted file is gone', (await place.list('node_modules/npm')).includes('LICENSE'), false);
  await place.removeDirectory('node_modules/npm/docs');
  report.expect(
    'a deleted directory is gone',
    (await place.list('node_modules/npm')).includes('docs'),
    false,
  );
  await place.makeDirectory('node_modules/npm/docs');
  report.expect('made again, it is empty', await place.list('node_modules/npm/docs'), []);
  await place.move('node_modules/npm/README.md', 'node_modules/npm/LISEZMOI.md');
  const readme = await readFile(join(npmTree, 'README.md'), 'utf8');
  report.expect('a renamed file has its content', await place.read('node_modules/npm/LISEZMOI.md'), readme);
  report.expect('and not its old name', (await place.list('node_modules/npm')).includes('README.md'), false);

  const below = await readFile(join(npm.diffPath, 'node_modules/npm/package.json'), 'utf8');
  report.expect(
    'the layer below has not changed',
    below,
    await readFile(join(npmTree, 'package.json'), 'utf8'),
  );
}

function copyUpTable(copyUps: readonly CopyUp[], big: string): void {
  const rows = copyUps.map(({ path, method, bytes, nanoseconds }) => {
    const ms = nanoseconds / 1e6;
    const speed = bytes === 0 ? '-' : `${(bytes / 1e6 / (ms / 1e3)).toFixed(0)} MB/s`;
    return [method, humanBytes(bytes), `${ms.toFixed(2)} ms`, speed, `/${path.replace(/^\//, '')}`];
  });
  report.block(columns([['METHOD', 'DATA', 'TIME', 'SPEED', 'PATH'], ...rows]));
  const seen = copyUps.some(({ path, method }) => path.replace(/^\//, '') === big && method !== 'none');
  report.expect('the first write copied its file up', seen, true);
}

async function showChanges(container: Layer, big: string): Promise<void> {
  const changes = (await container.changes()).map(briefly);
  report.block(changes.slice(0, 30).join('\n'));
  if (changes.length > 30) report.block(`… and ${changes.length - 30} more`);
  const expected = [
    'A /hello.txt',
    'A /node_modules/npm/LISEZMOI.md',
    'C /node_modules/npm/package.json',
    'D /node_modules/npm/LICENSE',
    'D /node_modules/npm/README.md',
    `C /node_modules/${big}`,
  ];
  report.expect(
    'the changes are what was done',
    expected.filter((line) => changes.includes(line)),
    expected,
  );
  const names = ['hello.txt', 'node_modules', ...(await filesIn(container, 'node_modules/npm'))];
  report.expect('whiteouts are plain files in diff/', names.includes('.wh.LICENSE'), true);
  const opaque = (await filesIn(container, 'node_modules/npm/docs')).includes('.wh..wh..opq');
  report.expect('the directory that was made again is opaque', opaque, true);
}

async function secondContainer(place: Workplace): Promise<void> {
  report.expect('it sees the new file', await place.read('hello.txt'), 'hello from the writable layer\n');
  const npm = await place.list('node_modules/npm');
  const told = ['LICENSE', 'LISEZMOI.md', 'README.md', 'docs'].filter((name) => npm.includes(name));
  report.expect('what was deleted and renamed', told, ['LISEZMOI.md', 'docs']);
  report.expect('the directory made again, still empty', await place.list('node_modules/npm/docs'), []);
  const edited = (await place.read('node_modules/npm/package.json')).includes('"name": "npm-edited"');
  report.expect('and the edit', edited, true);
  await place.append('second.txt', 'from the second container\n');
}

async function filesIn(layer: Layer, path: string): Promise<string[]> {
  return readdir(join(layer.diffPath, path));
}

function briefly({ kind, path }: { readonly kind: string; readonly path: string }): string {
  return `${kind} ${path}`;
}

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return hasCode(error, 'ERR_LAYER_HAS_CHILDREN') ? 'ERR_LAYER_HAS_CHILDREN' : error;
  }
}
