// SPDX-License-Identifier: MIT
// The flags of chattr(1): each script does the same in a mount, on files from below or above, as on the file system itself.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mounted, sh } from '../helpers/mounted.ts';
import { run } from '../helpers/stage.ts';

const NEEDS = { root: true, programs: ['lsattr', 'chattr', 'setfattr'] };

/** `setUp` runs in the lower branch, or through the mount, and in a plain directory; then `script` in the mount and there. */
function flags(title: string, where: 'below' | 'above', setUp: string, script: string): void {
  mounted(`${title}, ${where}`, {}, NEEDS, async (t, stage) => {
    const [lower = ''] = stage.lowers;
    const plain = join(stage.root, 'plain');
    mkdirSync(plain);
    try {
      const shell = async (cwd: string, text: string) =>
        (await run('sh', ['-uc', `exec 2>&1; ${TRY}${text}`], { cwd, env: { ...process.env, LC_ALL: 'C' } }))
          .stdout;
      await shell(plain, setUp);
      if (where === 'below') await shell(lower, setUp);
      await stage.mount();
      if (where === 'above') await shell(stage.target, setUp);
      t.is(await shell(stage.target, script), await shell(plain, script));
    } finally {
      await stage.unmount();
      await run('chattr', ['-R', '-f', '-ia', lower, stage.upper, plain]).catch(() => {});
    }
  });
}

/** `try COMMAND…` prints whether it worked, and the end of its last message. */
const TRY = `try() { said=$("$@" 2>&1 >/dev/null) && echo "ok: $*" || echo "no: $*: $(echo "$said" | tail -n1 | sed 's/.*: //')"; }
`;
const append = (name: string): string => `try sh -c 'echo x >> ${name}'`;

for (const where of ['below', 'above'] as const) {
  flags(
    'an immutable file cannot be changed until the flag is gone',
    where,
    'echo data > f; ln f g; chattr +i f',
    `lsattr f g; ${append('f')}; try sh -c ': > g'; try truncate -s 1 f; try chmod 600 f; try chown 5 f; try touch f; try touch -d @5 g
     try setfattr -n user.x -v 1 f; try mv f h; try ln f h; try rm -f f; echo new > n; try mv -f n f; cat f; ls; lsattr f
     try chattr -i f; ${append('f')}; try ln f h; try chmod 600 g; try rm f; cat g; lsattr g h; stat -c '%n %a %h' g h`,
  );
  flags(
    'an append-only file can be added to',
    where,
    'echo data > f; chattr +a f',
    `lsattr f; try sh -c 'echo x > f'; ${append('f')}; ${append('f')}; try truncate -s 1 f; try chmod 600 f; try touch f; try touch -d @5 f
     try mv f h; try ln f h; try rm -f f; cat f; lsattr f; try chattr -a f; try sh -c 'echo x > f'; try rm f; ls`,
  );
  flags(
    'an immutable directory keeps its names, and what is in it can be written',
    where,
    'mkdir -p d/e; echo data > d/f; chattr +i d',
    `lsattr -d d d/e; try touch d/new; try mkdir d/m; try rm -f d/f; try rmdir d/e; try mv d x; try mv d/f x; try chmod 700 d; try ln d/f d/l
     try ln -s t d/s; try mkfifo d/p; ls d; try chattr -i d; try touch d/new; try mv d/f x; try rmdir d/e; ls d; lsattr d/new`,
  );
  flags(
    'an append-only directory takes names and gives none back',
    where,
    'mkdir d; echo data > d/f; chattr +a d',
    `lsattr -d d; try rm -f d/f; try mv d/f x; try mv d x; echo m > m; try mv m d/m; ls d; try chattr -a d; try touch d/new; try rm d/f; ls d`,
  );
  flags(
    'other flags are kept and told',
    where,
    'echo data > f; mkdir d; chattr +dA f; chattr +D d',
    `lsattr -d f d; try chattr +S f; lsattr f; try chattr -A f; lsattr f; try chattr +A d; lsattr -d d; cat f`,
  );
  flags(
    'an ordinary user may not set what needs a capability',
    where,
    'echo data > f; chown 1234 f; chmod 755 .',
    `as() { setpriv --reuid 1234 --regid 1234 --clear-groups --inh-caps=-all --bounding-set=-all "$@"; }
     try as chattr +i f; try as chattr +d f; lsattr f; chown 5 f; try as chattr -d f; lsattr f`,
  );
}

mounted(
  'setting a flag copies the file up and leaves the branch as it is',
  { f: 'lower' },
  NEEDS,
  async (t, stage) => {
    await stage.mount();
    await sh(stage, 'chattr +d f');
    t.regex(await sh(stage, 'lsattr f'), /d/);
    t.notRegex(
      (await run('lsattr', [join(stage.lowers[0] as string, 'f')])).stdout.split(' ')[0] as string,
      /d/,
    );
    t.is((await run('cat', [join(stage.upper, 'f')])).stdout, 'lower');
  },
);

mounted('symlinks, fifos and devices have no flags', {}, NEEDS, async (t, stage) => {
  await stage.mount();
  await t.throwsAsync(sh(stage, 'mkfifo p; lsattr p'));
  await t.throwsAsync(sh(stage, 'ln -s p s; lsattr s'));
});
