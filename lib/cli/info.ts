// SPDX-License-Identifier: MIT
import { print, type Verb } from './verb.ts';

/** `node-aufs info`: the store in the words of `docker info`. */
export const info: Verb = (program, run) => {
  program
    .command('info')
    .description('describe the store, as docker info does')
    .action((_options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore();
        print(context, await store.info(), (facts) =>
          [
            `Storage Driver: ${facts.storageDriver}`,
            ` Root Dir: ${facts.rootDir}`,
            ` Backing Filesystem: ${facts.backingFilesystem}`,
            ` Dirs: ${facts.dirs}`,
            ` Dirperm1 Supported: ${facts.dirperm1Supported}`,
            ` Mounted: ${facts.mounted}`,
            ` Backing Source: ${facts.backingSource}`,
            '',
          ].join('\n'),
        );
      }),
    );
};
