// SPDX-License-Identifier: MIT
// Programs that people run in a mount, on files that lie below.
import { mkdirSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { canMount, has, run, Stage } from '../helpers/stage.ts';

const why = canMount ? '' : ' (needs /dev/fuse)';

/** A test that needs a mount and these programs; skipped loudly without them. */
function using(
  programs: readonly string[],
  title: string,
  body: (t: ExecutionContext) => Promise<void>,
): void {
  const missing = programs.filter((program) => !has(program));
  const needs = missing.length === 0 ? why : ` (needs ${missing.join(', ')})`;
  (canMount && missing.length === 0 ? test.serial : test.skip)(`${title}${needs}`, body);
}

async function sh(cwd: string, script: string): Promise<string> {
  const env = { ...process.env, HOME: cwd, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' };
  return (await run('sh', ['-euc', script], { cwd, env, maxBuffer: 64 * 1024 * 1024 })).stdout;
}

const IDENTITY =
  'git config user.email a@example.org; git config user.name A; git config commit.gpgsign false';

using(['git'], 'git: history below, work above', async (t) => {
  const stage = await Stage.create(t, {}, {});
  const lower = stage.lowers[0] as string;
  await sh(
    lower,
    `git init -q .; ${IDENTITY}; for i in $(seq 1 200); do mkdir -p d$((i % 7)); echo $i > d$((i % 7))/f$i; done; git add -A; git commit -qm one; git gc -q`,
  );
  await stage.mount();
  t.is(await sh(stage.target, 'git status --porcelain'), '');
  await sh(stage.target, 'echo more >> d1/f1; rm d2/f2; git mv d3 renamed; git add -A; git commit -qm two');
  await sh(
    stage.target,
    'git checkout -q -b side HEAD~1; echo side > side; git add -A; git commit -qm side; git checkout -q -; git merge -q side -m merge; git gc -q --aggressive --prune=now; git fsck --strict',
  );
  t.is(await sh(stage.target, 'git status --porcelain; git log --oneline | wc -l'), '4\n');
  await stage.remount();
  t.is(await sh(stage.target, 'git status --porcelain; cat side d1/f1'), 'side\n1\nmore\n');
  t.is(await sh(lower, 'git status --porcelain; git log --oneline | wc -l'), '1\n');
});

using(['tar'], 'tar: a tree in, the same tree out', async (t) => {
  const stage = await Stage.create(t, {}, {});
  await stage.mount();
  const source = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../native');
  await sh(
    stage.target,
    `tar -C '${source}' -cf - . | tar -xpf -; diff -r '${source}' .; tar -cf all.tar --exclude=all.tar .; mkdir again; tar -C again -xf all.tar; diff -r '${source}' again; rm -rf again`,
  );
  t.false((await readdir(stage.target)).includes('again'));
});

using(
  ['sqlite3'],
  'sqlite: a database from below, both journals, writers at once, always whole',
  async (t) => {
    t.timeout(120_000);
    for (const journal of ['wal', 'delete']) {
      const stage = await Stage.create(t, {}, {});
      const lower = stage.lowers[0] as string;
      const fill =
        'create table t(a integer primary key, b text); with recursive c(x) as (select 1 union all select x+1 from c where x<2000) insert into t(b) select hex(randomblob(50)) from c';
      await sh(lower, `sqlite3 db 'pragma journal_mode=${journal}; ${fill}'`);
      await stage.mount();
      const insert =
        "for i in $(seq 1 15); do sqlite3 -cmd '.timeout 20000' db \"insert into t(b) values('new'); update t set b=hex(randomblob(60)) where a%50=$i\"; done";
      await Promise.all(Array.from({ length: 3 }, () => sh(stage.target, insert)));
      const check = "sqlite3 db 'pragma integrity_check; select count(*) from t'";
      t.is(await sh(stage.target, check), 'ok\n2045\n', journal);
      await stage.remount();
      t.is(await sh(stage.target, check), 'ok\n2045\n', `${journal}, mounted again`);
      t.is(await sh(lower, "sqlite3 -readonly 'file:db?immutable=1' 'select count(*) from t'"), '2000\n');
      await stage.unmount();
    }
  },
);

using(['npm'], 'npm: install, list, and install again over a lower node_modules', async (t) => {
  t.timeout(120_000);
  const stage = await Stage.create(t, {}, {});
  const lower = stage.lowers[0] as string;
  for (const name of ['one', 'two', 'three']) {
    await mkdir(join(lower, 'packages', name), { recursive: true });
    await writeFile(
      join(lower, 'packages', name, 'package.json'),
      JSON.stringify({ name, version: '1.0.0' }),
    );
    await writeFile(join(lower, 'packages', name, 'index.js'), `module.exports = '${name}';`);
  }
  const dependencies = { one: 'file:packages/one', two: 'file:packages/two' };
  await writeFile(
    join(lower, 'package.json'),
    JSON.stringify({ name: 'app', version: '1.0.0', dependencies }),
  );
  const flags = '--offline --no-audit --no-fund --install-links --cache ./.cache --loglevel=error';
  await sh(lower, `npm install ${flags}`);
  await stage.mount();
  await sh(stage.target, `npm install ${flags} file:packages/three; npm uninstall ${flags} one`);
  t.is(
    await sh(stage.target, `node -p "require('three') + require('two')"; ls node_modules`),
    'threetwo\nthree\ntwo\n',
  );
  await sh(stage.target, `rm -rf node_modules; npm ci ${flags}`);
  t.is(await sh(stage.target, 'ls node_modules'), 'three\ntwo\n');
  t.deepEqual((await readdir(join(lower, 'node_modules'))).filter((name) => !name.startsWith('.')).sort(), [
    'one',
    'two',
  ]);
});

using([], 'many writers of one lower file lose nothing', async (t) => {
  const stage = await Stage.create(t, {}, { log: 'begin\n', other: 'x' });
  await stage.mount();
  const append = (name: string) => sh(stage.target, `for i in $(seq 1 200); do echo ${name}-$i >> log; done`);
  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(append));
  const lines = (await readFile(stage.at('log'), 'utf8')).trim().split('\n');
  t.is(lines.length, 1 + 6 * 200);
  t.is(new Set(lines).size, lines.length);
});

using(['g++'], 'a compiler reads and writes there, and what it made runs', async (t) => {
  const stage = await Stage.create(t, {}, { 'main.cc': 'int main() { return 7; }' });
  await stage.mount();
  t.is(await sh(stage.target, 'g++ main.cc -o main; ./main || echo $?'), '7\n');
});

using([], 'cp -a keeps everything', async (t) => {
  const stage = await Stage.create(t, {}, {});
  const lower = stage.lowers[0] as string;
  mkdirSync(join(lower, 'd'));
  await sh(
    lower,
    'echo a > d/a; ln d/a d/hard; ln -s a d/soft; mkfifo d/fifo; truncate -s 1M d/sparse; touch -d @1000000000.123456789 d/a',
  );
  await stage.mount();
  await sh(stage.target, 'cp -a d copy; cp -a copy elsewhere; rm -r copy');
  t.is(
    await sh(
      stage.target,
      'cd elsewhere; stat -c %h hard; stat -c %.9Y a; readlink soft; stat -c %F fifo; stat -c "%s %b" sparse',
    ),
    '2\n1000000000.123456789\na\nfifo\n1048576 0\n',
  );
  await cp(stage.at('elsewhere/a'), stage.at('node-copy'));
  t.is(await readFile(stage.at('node-copy'), 'utf8'), 'a\n');
});
