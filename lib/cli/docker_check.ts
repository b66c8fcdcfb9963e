// SPDX-License-Identifier: MIT
import { describeFinding, findingFacts } from './docker_ls.ts';
import { ExitCode } from './exit_code.ts';
import { openDocker } from './open_docker.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker check`: what is wrong with what Docker left. */
export const dockerCheck: Verb = (program, run) => {
  program
    .command('check')
    .description('say what is wrong with layers, containers and images; changes nothing')
    .action((_options: object, command) =>
      run(command, async (context) => {
        const { findings, ...counts } = await (await openDocker(context)).check();
        const report = { ...counts, findings: findings.map(findingFacts) };
        print(context, report, ({ layers, containers, images }) => {
          const summary = findings.length === 0 ? 'nothing is wrong' : `${findings.length} found`;
          const sum = `${layers} layers, ${containers} containers, ${images} images: ${summary}\n`;
          return `${findings.map(describeFinding).join('')}${sum}`;
        });
        if (!report.clean) context.exit(ExitCode.corrupt);
      }),
    );
};
