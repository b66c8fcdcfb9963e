// SPDX-License-Identifier: MIT
import { dockerCheck } from './docker_check.ts';
import { dockerExport } from './docker_export.ts';
import { dockerLs } from './docker_ls.ts';
import { dockerMount } from './docker_mount.ts';
import { dockerTree } from './docker_tree.ts';
import { dockerVerify } from './docker_verify.ts';
import type { Verb } from './verb.ts';

/** `node-aufs docker`: what Docker left, in place. */
export const docker: Verb = (program, run) => {
  const group = program
    .command('docker')
    .description("what Docker's aufs driver left in --root (default: /var/lib/docker), in place");
  for (const verb of [dockerLs, dockerTree, dockerMount, dockerVerify, dockerExport, dockerCheck])
    verb(group, run);
};
