// SPDX-License-Identifier: MIT
import { describeFinding, findingFacts } from './docker_ls.ts';
import { ExitCode } from './exit_code.ts';
import { openDocker } from './open_docker.ts';
import { printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs docker check`: what is wrong with what Docker left. */
export const dockerCheck: Verb = (program, run) => {
  program
    .command('check')
    .description('say what is wrong with layers, containers and images; changes nothing')
    .action((_options: object, command) =>
      run(command, async (context) => {
        const { findings, ...counts } = await (await openDocker(context)).check();
        const facts = findings.map((finding) => ({ ...findingFacts(finding), remedy: finding.remedy }));
        const report = { ...counts, findings: facts };
        print(context, report, ({ layers, containers, images }) => {
          const summary = findings.length === 0 ? 'nothing is wrong' : `${findings.length} found`;
          const sum = `${layers} layers, ${containers} containers, ${images} images: ${summary}\n`;
          const lines = findings.map(
            (finding) => `${describeFinding(finding)}    to do: ${printable(finding.remedy)}\n`,
          );
          return `${lines.join('')}${sum}`;
        });
        if (!report.clean) context.exit(ExitCode.corrupt);
      }),
    );
};
