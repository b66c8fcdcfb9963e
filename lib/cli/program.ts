// SPDX-License-Identifier: MIT
import { Command, CommanderError, Option } from 'commander';
import { branch } from './branch.ts';
import { changes } from './changes.ts';
import { check } from './check.ts';
import { commit } from './commit.ts';
import { create } from './create.ts';
import { df } from './df.ts';
import { docker } from './docker.ts';
import { doctor } from './doctor.ts';
import { driver } from './driver.ts';
import { ExitCode, exitCodeOf } from './exit_code.ts';
import { gc } from './gc.ts';
import { info } from './info.ts';
import { inspect } from './inspect.ts';
import { layer } from './layer.ts';
import { ls } from './ls.ts';
import { mount } from './mount.ts';
import { reportError } from './report_error.ts';
import { rm } from './rm.ts';
import type { Terminal } from './terminal.ts';
import { tree } from './tree.ts';
import { umount } from './umount.ts';
import { defaultRoot, type GlobalOptions, makeContext, type Runner, type Verb } from './verb.ts';
import { verify } from './verify.ts';
import { version } from './version.ts';
import { which } from './which.ts';

const VERBS: readonly Verb[] = [
  create,
  mount,
  umount,
  ls,
  tree,
  inspect,
  changes,
  which,
  branch,
  layer,
  docker,
  driver,
  commit,
  rm,
  check,
  verify,
  gc,
  df,
  info,
  doctor,
];

/** Runs one command line (without node and script) and gives its exit status. */
export async function runProgram(
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  let status: number = ExitCode.ok;
  const program = new Command('node-aufs')
    .description("AUFS for today's Linux: stack read-only directories, write only to the top one")
    .version(version(), '-V, --version')
    .option('--root <directory>', `the layer store (default: $NODE_AUFS_ROOT or ${defaultRoot()})`)
    .addOption(
      new Option('--durability <level>', 'what is on disk when the command ends (default: layer)').choices([
        'none',
        'layer',
        'full',
      ]),
    )
    .option('--json', 'print one JSON object instead of text')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: terminal.stdout, writeErr: terminal.stderr })
    .exitOverride();
  const run: Runner = (command, action) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    return action(makeContext(options, terminal, signal, (code) => (status = code)));
  };
  for (const verb of VERBS) verb(program, run);
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    // commander has printed its own message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    if (signal.aborted) return ExitCode.interrupted;
    reportError(error, terminal, program.opts<GlobalOptions>().json === true);
    return exitCodeOf(error);
  }
}
