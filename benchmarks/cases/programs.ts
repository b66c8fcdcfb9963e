// SPDX-License-Identifier: MIT
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spread, writeFiles } from '../files.ts';
import type { Case, Fixture, Settings, Suite, View } from '../suite.ts';
import { mounted, rootOf, shell, singleBranch, tool } from './common.ts';

const KiB = 1024;
const APP = 'app';
const ARCHIVE = 'source.tar';

function repository(count: number): Fixture {
  return singleBranch('repository', (branch) => {
    writeFiles(branch, spread(count), 2 * KiB);
    tool(branch, 'git', 'init', '-q');
    tool(branch, 'git', 'add', '.');
    const who = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
    tool(branch, 'git', ...who, 'commit', '-q', '-m', 'all');
  });
}

/** Some large files, many small ones, in directories three deep: about what a program's source is. */
function sourceTree(count: number): Fixture {
  return singleBranch('source', (branch) => {
    const paths = spread(count).map((path, i) => `source/part${i % 20}/${path}`);
    for (const [size, every] of [
      [2 * KiB, 2],
      [12 * KiB, 3],
      [60 * KiB, 25],
    ] as const) {
      const chosen = paths.filter((_, i) => i % every === 0);
      writeFiles(branch, chosen, size);
    }
    tool(branch, 'tar', '-cf', ARCHIVE, 'source');
    rmSync(join(branch, 'source'), { recursive: true });
  });
}

/** A package that needs `count` others, each of 40 files, which are archives beside it: no registry is asked. */
function application(count: number): Fixture {
  return singleBranch('application', (branch) => {
    const app = join(branch, APP);
    const dependencies: Record<string, string> = {};
    mkdirSync(join(branch, 'packages'));
    for (let i = 0; i < count; i++) {
      const name = `bench-dependency-${i}`;
      const made = join(branch, 'made');
      writeFiles(join(made, 'package'), spread(40), 3 * KiB);
      writeFileSync(join(made, 'package/package.json'), JSON.stringify({ name, version: '1.0.0' }));
      tool(made, 'tar', '-czf', `../packages/${name}.tgz`, 'package');
      rmSync(made, { recursive: true });
      dependencies[name] = `file:../packages/${name}.tgz`;
    }
    mkdirSync(app);
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', dependencies }));
    tool(app, 'npm', 'install', '--package-lock-only', ...NPM, '--cache', join(branch, 'cache'));
    rmSync(join(branch, 'cache'), { recursive: true });
  });
}

const NPM = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier'] as const;

function cases({ quick }: Settings): Case[] {
  const base = { groups: [mounted], fresh: true, cold: false, operations: 1, bytes: 0 };
  const remove = (name: string) => (view: View) => rmSync(join(rootOf(view), name), { recursive: true });
  const tracked = quick ? 200 : 10_000;
  const gitStatus = {
    ...base,
    fixture: repository(tracked),
    // The same for all: what the root of the union belongs to is not the matter here.
    run: (view: View) => shell(view, 'git -c safe.directory="*" -C "$0" status --porcelain >/dev/null'),
  };
  const git = `git status of ${tracked.toLocaleString('en')} files`;
  const packages = quick ? 3 : 60;
  const unpacked = quick ? 100 : 10_000;
  return [
    {
      ...gitStatus,
      id: 'git-fresh',
      title: `${git}, fresh mount`,
      series: { title: git, column: 'fresh mount' },
    },
    {
      ...gitStatus,
      id: 'git-again',
      title: `${git}, again`,
      series: { title: git, column: 'again' },
      fresh: false,
      warm: gitStatus.run,
    },
    {
      ...base,
      fixture: sourceTree(unpacked),
      id: 'untar',
      title: `untar of a source tree of ${unpacked.toLocaleString('en')} names`,
      run: (view) => shell(view, `tar -xf "$0/${ARCHIVE}" -C "$0"`),
      after: remove('source'),
    },
    {
      ...base,
      fixture: application(packages),
      id: 'npm-ci',
      title: `npm ci of ${packages} packages`,
      run: (view) => shell(view, `cd "$0/${APP}"; npm ci ${NPM.join(' ')} --cache ../cache >/dev/null`),
      after: (view) => {
        remove(`${APP}/node_modules`)(view);
        remove('cache')(view);
      },
    },
  ];
}

export const programs: Suite = {
  name: 'programs',
  weight: 4,
  backings: ['ext4'],
  notes: [
    'git status: the repository is the lower branch, its index was written there; the copy that plain directory is ' +
      'has other inode numbers, so that git reads all its files again at first. npm ci: packages are archives beside it (`file:`), the cache is empty and in the union too; ' +
      "npm's own start is in the time. Untar: the archive is a lower file.",
  ],
  cases,
};
