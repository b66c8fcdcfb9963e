// SPDX-License-Identifier: MIT
// More programs that people run in a mount, each with what it is known to trip over.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { mounted } from '../helpers/mounted.ts';
import { nothingLeft, serverOf } from '../helpers/server.ts';
import { run, type Stage } from '../helpers/stage.ts';

async function sh(cwd: string, script: string): Promise<string> {
  const env = { ...process.env, HOME: cwd, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' };
  return (await run('sh', ['-euc', script], { cwd, env, maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/** A test with a lower branch that `setUp` has filled. */
function using(
  programs: readonly string[],
  title: string,
  setUp: string,
  body: (t: ExecutionContext, stage: Stage) => Promise<void>,
  root = false,
): void {
  mounted(title, {}, { programs, root }, async (t, stage) => {
    t.timeout(120_000);
    execFileSync('sh', ['-euc', setUp], { cwd: stage.lowers[0] as string, stdio: 'ignore' });
    await stage.mount();
    await body(t, stage);
  });
}

using(
  ['rsync'],
  'rsync: a second run finds nothing to do, in and out',
  'mkdir -p src/d/e; for i in $(seq 1 100); do echo $i > src/d/f$i; done; ln src/d/f1 src/d/e/hard; ln -s f2 src/d/soft; truncate -s 1M src/sparse; find src -exec touch -hd @1111111111.123456789 {} +',
  async (t, stage) => {
    const again = 'rsync -aHAXi --delete src/ copy/; rsync -aHAXi --checksum src/ copy/';
    await sh(stage.target, 'rsync -aHAX src/ copy/');
    t.is(await sh(stage.target, again), '');
    await sh(
      stage.target,
      'echo more >> src/d/e/hard; rm src/d/f7; chmod 600 src/d/f8; rsync -aHAX --delete src/ copy/',
    );
    t.is(await sh(stage.target, again), '');
    await sh(stage.target, 'rsync -aHAX src/ ../outside/; rsync -aHAX --inplace ../outside/ src/');
    await stage.remount();
    t.is(await sh(stage.target, `${again}; rsync -aHAXi src/ ../outside/; stat -c %h src/d/f1`), '2\n');
  },
);

using(
  ['make', 'gcc'],
  'make: builds once, and again only what changed',
  `printf 'prog: a.o b.o\\n\\tgcc -o prog a.o b.o\\n%%.o: %%.c\\n\\tgcc -c -o $@ $<\\n' > Makefile; echo 'int f(void); int main(void) { return f(); }' > a.c; echo 'int f(void) { return 3; }' > b.c; make -s; touch -d '1 hour ago' a.c b.c; touch a.o b.o; touch prog`,
  async (t, stage) => {
    t.regex(await sh(stage.target, 'make'), /up to date/);
    await sh(stage.target, 'sleep 0.1; sed -i s/3/4/ b.c; sleep 0.1');
    t.is(await sh(stage.target, 'make'), 'gcc -c -o b.o b.c\ngcc -o prog a.o b.o\n');
    t.is(await sh(stage.target, './prog || echo $?'), '4\n');
    t.regex(await sh(stage.target, 'make'), /up to date/);
    await stage.remount();
    t.regex(await sh(stage.target, 'make'), /up to date/);
  },
);

using(
  ['git'],
  'git: clone with hard links, worktree, stash, rebase and gc',
  'git init -q r; cd r; git config user.email a@example.org; git config user.name A; for i in $(seq 1 30); do seq $i 200 > f$i; git add -A; git commit -qm $i; done',
  async (t, stage) => {
    const who = 'git config user.email a@example.org; git config user.name A';
    await sh(
      stage.target,
      `git clone -q --local r c; cd c; ${who}; echo x >> f1; git stash -q; git stash pop -q; git commit -qam x`,
    );
    await sh(
      stage.target,
      `cd r; git worktree add -q ../w HEAD~5; echo y > ../w/new; cd ../w; ${who}; git add -A; git commit -qm y; git rebase -q master 2>/dev/null || git rebase -q main`,
    );
    await sh(
      stage.target,
      'cd r; git gc -q --prune=now; git repack -qad; git fsck --strict; cd ../c; git fetch -q; git fsck --strict',
    );
    await stage.remount();
    const state =
      'for d in r c w; do git -C $d status --porcelain; git -C $d log --oneline | wc -l; git -C $d fsck --strict --no-dangling 2>&1; done';
    t.is(await sh(stage.target, state), '30\n31\n31\n');
  },
);

using(
  ['sqlite3'],
  'sqlite: memory-mapped, vacuumed and backed up, with readers all the while',
  `sqlite3 db 'create table t(a integer primary key, b blob); with recursive c(x) as (select 1 union all select x+1 from c where x<3000) insert into t(b) select randomblob(200) from c'`,
  async (t, stage) => {
    const many = (times: number, line: string) =>
      sh(stage.target, `for i in $(seq 1 ${times}); do ${line}; done`);
    const open = "sqlite3 -cmd '.timeout 20000' -cmd 'pragma mmap_size=10000000' db";
    await Promise.all([
      many(
        20,
        `${open} 'update t set b=randomblob(300) where a%20=1; insert into t(b) values(1)' >/dev/null`,
      ),
      many(20, `${open} 'select sum(length(b)) from t' >/dev/null`),
      many(3, `${open} 'vacuum' >/dev/null`),
    ]);
    await sh(stage.target, "sqlite3 db '.backup copy'; sqlite3 db 'pragma journal_mode=wal' >/dev/null");
    await Promise.all([
      many(20, `${open} 'update t set b=randomblob(100) where a%20=2' >/dev/null`),
      many(20, `${open} 'select count(*) from t' >/dev/null`),
    ]);
    const check =
      "sqlite3 db 'pragma integrity_check; select count(*) from t'; sqlite3 copy 'pragma integrity_check'";
    t.is(await sh(stage.target, check), 'ok\n3020\nok\n');
    await stage.remount();
    t.is(await sh(stage.target, check), 'ok\n3020\nok\n');
  },
);

using(
  ['sqlite3'],
  'sqlite: the server killed in the middle of transactions, the database whole',
  `sqlite3 db 'create table t(a integer primary key, b blob); with recursive c(x) as (select 1 union all select x+1 from c where x<2000) insert into t(b) select randomblob(200) from c'`,
  async (t, stage) => {
    for (const journal of ['delete', 'wal', 'truncate']) {
      await sh(stage.target, `sqlite3 db 'pragma journal_mode=${journal}' >/dev/null`);
      const work = sh(
        stage.target,
        `while :; do sqlite3 db 'update t set b=randomblob(150) where a%7=1'; done`,
      ).catch(() => {});
      await sleep(300);
      process.kill(serverOf(stage).worker, 'SIGKILL');
      await work;
      t.true(await nothingLeft(stage));
      await stage.mount();
      t.is(
        await sh(stage.target, "sqlite3 db 'pragma integrity_check; select count(*) from t'"),
        'ok\n2000\n',
        journal,
      );
    }
  },
);

using(
  ['tar'],
  'tar: what was extracted is unchanged for tar --compare, hard links and attributes too',
  'mkdir -p t/d; for i in $(seq 1 50); do head -c $((i * 1000)) /dev/urandom > t/d/f$i; done; ln t/d/f1 t/d/hard; ln -s f2 t/d/soft; mkfifo t/p; tar -cf t.tar t',
  async (t, stage) => {
    t.is(
      await sh(
        stage.target,
        'tar --compare -f t.tar; rm -rf t; tar -xpf t.tar; tar --compare -f t.tar; chmod 600 t/d/f3; tar --compare -f t.tar || true',
      ),
      't/d/f3: Mode differs\n',
    );
    await stage.remount();
    t.is(
      await sh(stage.target, 'tar --compare -f t.tar || true; tar -xpf t.tar; tar --compare -f t.tar'),
      't/d/f3: Mode differs\n',
    );
  },
);

using(
  ['sed', 'patch'],
  'editors: in place, with backup, and through a rename',
  'for i in $(seq 1 20); do echo "line $i" > f$i; done; chmod 640 f1; ln f2 hard; ln -s f3 soft',
  async (t, stage) => {
    await sh(
      stage.target,
      "sed -i 's/line/LINE/' f1; sed -i.bak 's/line/LINE/' f2; sed -i --follow-symlinks 's/line/LINE/' soft; printf -- '--- f4\\n+++ f4\\n@@ -1 +1 @@\\n-line 4\\n+patched\\n' | patch -s -b f4; printf x | tee f5 >/dev/null; truncate -s 0 f6; install -m 600 f7 f8; dd if=f9 of=f10 conv=notrunc,fsync status=none",
    );
    t.is(
      await sh(
        stage.target,
        'cat f1 f2 f2.bak hard f3 f4 f4.orig f5 f6 f8 f10; readlink soft; stat -c %a f1 f8',
      ),
      'LINE 1\nLINE 2\nline 2\nline 2\nLINE 3\npatched\nline 4\nxline 7\nline 9\n\nf3\n640\n600\n',
    );
  },
);

using(
  ['python3'],
  'python: a virtual environment copied, compiled and imported in many processes',
  'mkdir -p pkg/sub; for i in $(seq 1 30); do echo "x = $i" > pkg/m$i.py; done; touch pkg/__init__.py pkg/sub/__init__.py; echo "from ..m7 import x" > pkg/sub/y.py',
  async (t, stage) => {
    const out = await Promise.all(
      Array.from({ length: 5 }, () =>
        sh(
          stage.target,
          'unset PYTHONDONTWRITEBYTECODE; python3 -c \'import importlib, pkg.sub.y; print(sum(importlib.import_module(f"pkg.m{i}").x for i in range(1, 31)), pkg.sub.y.x)\'',
        ),
      ),
    );
    t.deepEqual(new Set(out), new Set(['465 7\n']));
    await sh(
      stage.target,
      'python3 -m compileall -q pkg; python3 -m zipfile -c pkg.zip pkg; rm -r pkg; python3 -m zipfile -e pkg.zip .',
    );
    t.is(await sh(stage.target, "python3 -c 'import pkg.sub.y; print(pkg.sub.y.x)'"), '7\n');
  },
);

using(
  ['mount'],
  'kernel overlayfs with a mount of ours below',
  'mkdir -p d/s; for i in $(seq 1 50); do echo $i > d/f$i; done; ln d/f1 d/hard',
  async (t, stage) => {
    await sh(stage.target, 'echo up >> d/f2; rm d/f3; mkdir new');
    await sh(stage.root, 'mkdir u w o; mount -t overlay -o lowerdir=mnt,upperdir=u,workdir=w overlay o');
    t.teardown(() => run('umount', ['-l', join(stage.root, 'o')]).catch(() => {}));
    const over = join(stage.root, 'o');
    t.is(
      await sh(
        over,
        'cat d/f2; ls d | wc -l; echo top >> d/f4; rm d/f5; mv d/f6 d/moved; ls d | wc -l; rm -r d/s; cat d/f4',
      ),
      '2\nup\n51\n50\n4\ntop\n',
    );
    t.is(
      await sh(over, 'find . -type f -exec cat {} + | cksum'),
      await sh(over, 'find . -type f -exec cat {} + | cksum'),
    );
    await sh(stage.root, 'umount o');
    t.is(readFileSync(stage.at('d/f4'), 'utf8'), '4\n');
  },
  true,
);

using(
  [],
  'writers that append, overwrite and replace one file at once lose nothing of their own',
  'printf %04096d 0 > shared; : > log',
  async (t, stage) => {
    const writer = (i: number) =>
      sh(
        stage.target,
        `for n in $(seq 1 60); do echo "${i} $n" >> log; printf ${i} | dd of=shared bs=1 seek=${i * 100} conv=notrunc status=none; echo ${i} > mine${i}.tmp; mv mine${i}.tmp mine${i}; done`,
      );
    await Promise.all(Array.from({ length: 8 }, (_, i) => writer(i)));
    const lines = readFileSync(stage.at('log'), 'utf8').trim().split('\n');
    t.is(lines.length, 480);
    t.is(new Set(lines).size, 480);
    const shared = readFileSync(stage.at('shared'), 'utf8');
    t.is(shared.length, 4096);
    for (let i = 0; i < 8; i++) t.is(shared[i * 100], String(i));
  },
);
