// SPDX-License-Identifier: MIT
import { ExitCode } from './exit_code.ts';
import { openDocker } from './open_docker.ts';
import { print, type Verb } from './verb.ts';
import { describeVerified, verifyLine } from './verify.ts';

/** `node-aufs docker verify`: whether layers still are what they were pulled or built as. */
export const dockerVerify: Verb = (program, run) => {
  program
    .command('verify')
    .description('read layers and compare them with the archives that they were made of')
    .argument('[layer...]', 'chain ids, image names, image ids, or unique beginnings of ids (default: all)')
    .action((names: string[], _options: object, command) =>
      run(command, async (context) => {
        const store = await openDocker(context);
        const line = verifyLine(context.terminal);
        const layers = names.length === 0 ? undefined : names;
        const options = { onProgress: line.update, signal: context.signal };
        const report = await store.verify(layers, options).finally(line.clear);
        print(context, report, describeVerified);
        if (!report.sound) context.exit(ExitCode.corrupt);
      }),
    );
};
