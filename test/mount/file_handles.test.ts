// SPDX-License-Identifier: MIT
// name_to_handle_at(2) and open_by_handle_at(2), which an NFS server lives on, also when the kernel has forgotten the file.
import { fileURLToPath } from 'node:url';
import { mounted } from '../helpers/mounted.ts';
import { run, type Stage } from '../helpers/stage.ts';
import type { Tree } from '../helpers/tree.ts';

const HELPERS = fileURLToPath(new URL('../helpers', import.meta.url));
const NEEDS = { root: true, programs: ['python3'] };

async function python(stage: Stage, script: string): Promise<string> {
  const env = { ...process.env, PYTHONPATH: HELPERS };
  const lines = ['import os', 'from file_handles import *', script].join('\n');
  return (await run('python3', ['-B', '-c', lines], { cwd: stage.target, env })).stdout;
}

/** A test whose script prints `wanted`. */
function handles(title: string, lower: Tree, script: string, wanted: string): void {
  mounted(title, lower, NEEDS, async (t, stage) => {
    await stage.mount();
    t.is(await python(stage, script), wanted);
  });
}

handles(
  'a handle leads to its file and its directory after the caches were dropped, and is the same again',
  { f: 'file', d: { e: { g: 'deep' } } },
  `
names = 'f', 'd', 'd/e', 'd/e/g'
open('up', 'w').write('upper')
names += 'up',
before = {name: handle_of(name) for name in names}
for turn in range(3):
    drop_caches()
    print(*(content(before[name]) for name in names))
    drop_caches()
    print(all(handle_of(name) == before[name] for name in names))
drop_caches()
print(path_of(before['d/e']), open_handle(handle_of('.')) > 0)
`,
  `${"file ['e'] ['g'] deep upper\nTrue\n".repeat(3)}d/e True\n`,
);

handles(
  'the names of a hard link have one handle, which lives as long as one of them',
  { f: 'file' },
  `
os.link('f', 'g'); os.link('f', 'h')
one = handle_of('f')
print(one == handle_of('g'))
drop_caches()
print(handle_of('g') == one, content(one))
drop_caches()
os.unlink('f'); drop_caches()
print(content(one), handle_of('h') == one)
os.unlink('g'); drop_caches(); os.unlink('h'); drop_caches()
print(content(one))
`,
  'True\nTrue file\nfile True\nESTALE\n',
);

handles(
  'a handle follows its file and its directory to a new name',
  { f: 'file', d: { e: { g: 'deep' } }, other: {} },
  `
handles = [handle_of(name) for name in ('f', 'd', 'd/e', 'd/e/g')]
drop_caches()
os.rename('f', 'other/f'); os.rename('d', 'other/x')
drop_caches()
print(*map(content, handles))
print([handle_of(name) for name in ('other/f', 'other/x', 'other/x/e', 'other/x/e/g')] == handles)
drop_caches()
print(path_of(handles[2]))
`,
  "file ['e'] ['g'] deep\nTrue\nother/x/e\n",
);

handles(
  'a copy_up changes no handle',
  { d: { f: 'lower' } },
  `
handle, directory = handle_of('d/f'), handle_of('d')
drop_caches()
os.close(open_handle(handle, os.O_RDWR))
drop_caches()
fd = open_handle(handle, os.O_WRONLY | os.O_APPEND); os.write(fd, b' and more'); os.close(fd)
drop_caches()
print(handle_of('d/f') == handle, handle_of('d') == directory, content(handle), open('d/f').read())
`,
  'True True lower and more lower and more\n',
);

handles(
  'a file or directory that was removed is not found by its handle, nor is what took its place',
  { low: 'lower', d: { f: '' }, over: 'old' },
  `
import shutil
for name in 'up', 'new': open(name, 'w').write(name)
os.mkdir('made'); open('made/f', 'w').close()
names = 'low', 'd', 'd/f', 'over', 'up', 'made', 'made/f'
handles = [handle_of(name) for name in names]
drop_caches()
os.unlink('low'); shutil.rmtree('d'); os.rename('new', 'over'); os.unlink('up'); shutil.rmtree('made')
drop_caches()
print(*map(content, handles))
for name in 'low', 'up': open(name, 'w').write('again')
os.mkdir('d'); os.mkdir('made'); open('d/f', 'w').close(); open('made/f', 'w').close()
print(*map(content, handles))
drop_caches()
print(*map(content, handles), any(handle_of(name) == old for name, old in zip(names, handles)))
`,
  `${`${Array(7).fill('ESTALE').join(' ')}\n`.repeat(2)}${Array(7).fill('ESTALE').join(' ')} False\n`,
);

handles(
  'a removed file that is open is still found',
  { low: 'lower' },
  `
handle, fd = handle_of('low'), os.open('low', os.O_RDONLY)
os.unlink('low'); drop_caches()
print(content(handle)); os.close(fd); drop_caches(); print(content(handle))
`,
  'lower\nESTALE\n',
);

mounted(
  '2,000 files by handle',
  Object.fromEntries(
    Array.from({ length: 20 }, (_, d) => [
      `d${d}`,
      Object.fromEntries(Array.from({ length: 100 }, (_, f) => [`f${f}`, `${d}/${f}`])),
    ]),
  ),
  NEEDS,
  async (t, stage) => {
    await stage.mount();
    const script = `
import random
names = [(f'd{d}/f{f}', f'{d}/{f}') for d in range(20) for f in range(100)]
handles = [(handle_of(name), text) for name, text in names]
drop_caches()
random.Random(1).shuffle(handles)
print(sum(content(handle) == text for handle, text in handles))
drop_caches()
fds = [open_handle(handle) for handle, _ in handles]
drop_caches()
print(sum(os.read(fd, 100).decode() == text for fd, (_, text) in zip(fds, handles)))
`;
    t.is(await python(stage, script), '2000\n2000\n');
  },
);
