// SPDX-License-Identifier: MIT
import type { VerifiedLayer, VerifyProgress, VerifyReport } from '../store/index.ts';
import { shortId } from '../store/layer_id.ts';
import { ExitCode } from './exit_code.ts';
import { type ProgressLine, progressLine } from './progress_line.ts';
import { columns, humanBytes, printable, type Terminal } from './terminal.ts';
import { print, type Verb } from './verb.ts';

/** `node-aufs verify`: whether layers still are what they were made of. */
export const verify: Verb = (program, run) => {
  program
    .command('verify')
    .description('read layers and compare them with the archives that they were made of')
    .argument('[layer...]', 'layers: ids, names, or unique beginnings of ids (default: all)')
    .action((ids: string[], _options: object, command) =>
      run(command, async (context) => {
        await using store = await context.openStore({ sweep: false });
        const line = verifyLine(context.terminal);
        const layers = ids.length === 0 ? undefined : ids;
        const options = { onProgress: line.update, signal: context.signal };
        const report = await store.verify(layers, options).finally(line.clear);
        print(context, report, describeVerified);
        if (!report.sound) context.exit(ExitCode.corrupt);
      }),
    );
};

/** One line on the terminal, which names the layer being read. */
export function verifyLine(terminal: Terminal): Pick<ProgressLine, 'clear'> & {
  readonly update: (progress: VerifyProgress) => void;
} {
  let line: ProgressLine | undefined;
  let current = -1;
  return {
    update({ layer, done, layers, bytes }) {
      if (done !== current) line = progressLine(terminal, `verify ${done + 1}/${layers} ${shortId(layer)}`);
      current = done;
      line?.update({ bytes, entries: 0, sourceBytes: bytes });
    },
    clear: () => line?.clear(),
  };
}

/** A line for each layer. */
export function describeVerified({ layers }: VerifyReport): string {
  return columns(layers.map((layer) => [shortId(layer.id), layer.state, detail(layer)]));
}

function detail({ state, diffId, bytes, entry, reason }: VerifiedLayer): string {
  if (state === 'whole') return `${diffId} ${humanBytes(bytes)}`;
  return `${entry === null ? '' : `${printable(entry)}: `}${printable(reason ?? '')}`;
}
