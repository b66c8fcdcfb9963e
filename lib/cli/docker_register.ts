// SPDX-License-Identifier: MIT
import { bytesOption, countOption } from './amounts.ts';
import { checkedDigest, openSource } from './layer_apply.ts';
import { openDocker } from './open_docker.ts';
import { progressLine } from './progress_line.ts';
import { print, type Verb } from './verb.ts';

interface Options {
  readonly parent?: string;
  readonly diffId?: string;
  readonly maxBytes?: number;
  readonly maxEntries?: number;
}

/** `node-aufs docker register`: a layer from a tar archive, as Docker makes it of one that is pulled; prints its chain id. */
export const dockerRegister: Verb = (program, run) => {
  program
    .command('register')
    .description(
      'make a layer of a tar archive (plain, gzip, zstd), while Docker is stopped; prints its chain id',
    )
    .argument('<file>', 'the archive; - is standard input')
    .option('-p, --parent <layer>', 'the layer to stand on: chain id, image, or a unique beginning of an id')
    .option('--diff-id <digest>', 'sha256:… that the uncompressed archive must have', checkedDigest)
    .option('--max-bytes <size>', 'refuse more, uncompressed: 500M, 2G … (default: 64G)', bytesOption)
    .option('--max-entries <count>', 'refuse more (default: 5000000)', countOption)
    .action((file: string, { diffId, ...options }: Options, command) =>
      run(command, async (context) => {
        const store = await openDocker(context, { readOnly: false });
        const { source, total } = await openSource(file);
        const line = progressLine(context.terminal, 'register', total);
        const { layer, existed } = await store
          .register(source, {
            ...options,
            expectedDiffId: diffId,
            onProgress: line.update,
            signal: context.signal,
          })
          .finally(line.clear);
        const { chainId, cacheId, parent = null, size } = layer;
        const facts = { chainId, diffId: layer.diffId, cacheId, parent, size, existed };
        print(context, facts, () => `${chainId}\n`);
      }),
    );
};
