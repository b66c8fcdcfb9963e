// SPDX-License-Identifier: MIT
import type { CheckReport, Finding } from '../store/index.ts';
import { ExitCode } from './exit_code.ts';
import { printable } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs check`: what is wrong with the store. */
export const check: Verb = (program, run) => {
  program
    .command('check')
    .description('say what is wrong with the store and what can be done; changes nothing')
    .option('--repair', 'put right what can be')
    .action(({ repair = false }: { repair?: boolean }, command) =>
      run(command, async (context) => {
        // Opening would put right some of it before it is seen.
        await using store = await context.openStore({ sweep: false });
        const report = await store.check({ repair, signal: context.signal });
        print(context, report, (facts) => describe(facts, repair));
        if (!report.clean) context.exit(ExitCode.corrupt);
      }),
    );
};

function describe({ findings, layers }: CheckReport, repair: boolean): string {
  const lines = findings.map((finding) => describeFinding(finding, repair));
  const open = findings.filter(({ repaired }) => !repaired);
  const summary =
    findings.length === 0
      ? 'nothing is wrong'
      : `${findings.length} found, ${findings.length - open.length} repaired`;
  const further =
    !repair && open.some(({ repairable }) => repairable)
      ? '; put it right with: node-aufs check --repair'
      : '';
  return `${lines.join('')}${layers} layers: ${summary}${further}\n`;
}

function describeFinding(finding: Finding, repair: boolean): string {
  const { kind, path, means, repairable, remedy, repaired, failure } = finding;
  const whose = repaired ? 'repaired' : repairable ? (repair ? 'not repaired' : 'repair') : 'by hand';
  const why = failure === undefined ? '' : ` (${printable(failure)})`;
  return `${kind}  ${printable(path)}\n    ${printable(means)}\n    ${whose}: ${remedy}${why}\n`;
}
