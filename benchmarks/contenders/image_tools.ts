// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Stack } from '../suite.ts';
import { fixture, view } from './archives.ts';
import { runTool } from './foreign_mount.ts';

/** The archive as the only layer of an OCI image in `directory`, which does not exist. No data is copied. */
function makeImage(directory: string, archive: string): void {
  const blobs = join(directory, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const digest = execFileSync('sha256sum', [archive], { encoding: 'utf8' }).slice(0, 64);
  linkSync(archive, join(blobs, digest));
  const put = (mediaType: string, value: object) => {
    const text = JSON.stringify(value);
    const hash = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(blobs, hash), text);
    return { mediaType, digest: `sha256:${hash}`, size: Buffer.byteLength(text) };
  };
  const kind = 'application/vnd.oci.image';
  const config = put(`${kind}.config.v1+json`, {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  });
  const size = statSync(archive).size;
  const layers = [{ mediaType: `${kind}.layer.v1.tar`, digest: `sha256:${digest}`, size }];
  const manifest = put(`${kind}.manifest.v1+json`, { schemaVersion: 2, config, layers });
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  writeFileSync(join(directory, 'index.json'), JSON.stringify(index));
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

async function installed(program: string): Promise<void> {
  await runTool(program, ['--version']);
}

function sync(directory: string): void {
  execFileSync('sync', ['-f', directory]);
}

const umociUnpack: Contender = {
  name: 'umoci unpack, sync -f',
  async start(stack) {
    await installed('umoci');
    const image = join(stack.scratch, 'image');
    if (!isThere(image)) makeImage(image, fixture(stack).archive);
    const unpack = () => {
      const args = ['unpack', '--image', `${image}:latest`, join(stack.upper, 'bundle')];
      execFileSync('umoci', args, { stdio: ['ignore', 'ignore', 'pipe'] });
      sync(stack.upper);
    };
    return { view: view({ unpack }), copies: stack.upper, async stop() {} };
  },
};

/** Its temporary files go to the file system that is tested, as the others' do. */
function skopeo({ upper }: Stack, from: string, to: string): void {
  const args = ['--insecure-policy', 'copy', '-q', from, to];
  execFileSync('skopeo', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TMPDIR: upper },
  });
}

function containersStorage(directory: string): string {
  return `containers-storage:[overlay@${directory}/root+${directory}/run]localhost/bench:latest`;
}

const skopeoIn: Contender = {
  name: 'skopeo copy, sync -f',
  async start(stack) {
    await installed('skopeo');
    const image = join(stack.scratch, 'image');
    if (!isThere(image)) makeImage(image, fixture(stack).archive);
    const unpack = () => {
      skopeo(stack, `oci:${image}:latest`, containersStorage(stack.upper));
      sync(stack.upper);
    };
    // The driver leaves its directory mounted on itself.
    const stop = async () =>
      void (await runTool('umount', [join(stack.upper, 'root/overlay')]).catch(() => {}));
    return { view: view({ unpack }), copies: stack.upper, stop };
  },
};

const skopeoOut: Contender = {
  name: 'skopeo copy to dir:',
  async start(stack) {
    await installed('skopeo');
    const image = join(stack.scratch, 'image');
    const storage = containersStorage(stack.scratch);
    if (!isThere(image)) {
      makeImage(image, fixture(stack).archive);
      skopeo(stack, `oci:${image}:latest`, storage);
    }
    const pack = () => skopeo(stack, storage, `dir:${join(stack.upper, 'out')}`);
    const stop = async () =>
      void (await runTool('umount', [join(stack.scratch, 'root/overlay')]).catch(() => {}));
    return { view: view({ pack }), copies: stack.upper, stop };
  },
};

function isThere(image: string): boolean {
  try {
    return readFileSync(join(image, 'oci-layout')).length > 0;
  } catch {
    return false;
  }
}

export const imageTools: readonly Contender[] = [umociUnpack, skopeoIn, skopeoOut];
