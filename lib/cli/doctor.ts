// SPDX-License-Identifier: MIT
import type { Check, Finding } from './doctor/check.ts';
import * as fuse from './doctor/fuse.ts';
import * as kernel from './doctor/kernel.ts';
import * as store from './doctor/store_checks.ts';
import { ExitCode } from './exit_code.ts';
import { columns } from './terminal.ts';
import { defaultRoot, type GlobalOptions, print, type Verb } from './verb.ts';

/** What the checks come to. */
export interface Diagnosis {
  readonly checks: readonly Check[];
  /** Without a mount: `Union` in this process. */
  readonly inProcess: boolean;
  /** With a mount that other programs see. */
  readonly mount: boolean;
}

type Look = readonly [name: string, title: string, look: (root: string) => Finding | Promise<Finding>];

const LOOKS: readonly Look[] = [
  ['kernel', 'Linux kernel', kernel.checkKernel],
  ['addon', 'native addon', fuse.checkAddon],
  ['server', 'FUSE server', fuse.checkServer],
  ['fuse-device', 'FUSE device', fuse.checkFuseDevice],
  ['fusermount3', 'fusermount3', fuse.checkFusermount],
  ['sys-admin', 'CAP_SYS_ADMIN', kernel.checkSysAdmin],
  ['allow-other', 'mounts for others', fuse.checkAllowOther],
  ['passthrough', 'FUSE passthrough', fuse.checkPassthrough],
  ['io-uring', 'FUSE over io_uring', fuse.checkUring],
  ['user-namespaces', 'user namespaces', kernel.checkUserNamespaces],
  ['overlay', 'kernel overlayfs', kernel.checkOverlay],
  ['aufs', 'kernel AUFS', kernel.checkAufs],
  ['store', 'file system of the store', store.checkStoreFileSystem],
  ['reflink', 'reflinks in the store', store.checkReflink],
];

/** Looks at everything. Changes nothing but for a temporary directory in the store. */
export async function diagnose(root: string): Promise<Diagnosis> {
  const checks: Check[] = [];
  for (const [name, title, look] of LOOKS) checks.push({ name, title, ...(await look(root)) });
  const works = (name: string): boolean =>
    checks.some((check) => check.name === name && check.verdict === 'yes');
  const inProcess = works('kernel') && works('addon');
  const mount =
    inProcess && works('server') && works('fuse-device') && (works('sys-admin') || works('fusermount3'));
  return { checks, inProcess, mount };
}

/** `node-aufs doctor`: what this kernel and user can do, what is missing, how to get it. */
export const doctor: Verb = (program, run) => {
  program
    .command('doctor')
    .description('say what this kernel and this user can do, what is missing and how to get it')
    .action((_options: object, command) =>
      run(command, async (context) => {
        const { root = defaultRoot() } = command.optsWithGlobals() as GlobalOptions;
        const diagnosis = await diagnose(root);
        print(context, diagnosis, report);
        if (!diagnosis.inProcess) context.exit(ExitCode.unavailable);
      }),
    );
};

const MARKS = { yes: 'ok', no: 'MISSING', optional: '-' } as const;

function report({ checks, inProcess, mount }: Diagnosis): string {
  const rows = checks.map(({ title, verdict, found }) => [MARKS[verdict], title, found]);
  const cures = checks
    .filter(({ cure }) => cure !== undefined)
    .map(({ title, cure }) => `  ${title}: ${cure}\n`);
  const verdict = mount
    ? 'Mounting works here.'
    : inProcess
      ? 'Mounting does not work here; Union (in process, no mount) does.'
      : 'Nothing works here yet.';
  const advice = cures.length === 0 ? '' : `\nHow to get what is not there:\n${cures.join('')}`;
  return `${columns(rows)}${advice}\n${verdict}\n`;
}
