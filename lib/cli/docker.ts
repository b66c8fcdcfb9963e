// SPDX-License-Identifier: MIT
import { dockerCheck } from './docker_check.ts';
import { dockerCreateContainer, dockerRemoveContainer } from './docker_containers.ts';
import { dockerExport } from './docker_export.ts';
import { dockerGc } from './docker_gc.ts';
import { dockerLs } from './docker_ls.ts';
import { dockerMount } from './docker_mount.ts';
import { dockerRegister } from './docker_register.ts';
import { dockerRelease } from './docker_release.ts';
import { dockerTree } from './docker_tree.ts';
import { dockerVerify } from './docker_verify.ts';
import type { Verb } from './verb.ts';

const VERBS = [
  dockerLs,
  dockerTree,
  dockerMount,
  dockerVerify,
  dockerExport,
  dockerCheck,
  dockerRegister,
  dockerRelease,
  dockerCreateContainer,
  dockerRemoveContainer,
  dockerGc,
];

/** `node-aufs docker`: what Docker left, in place. */
export const docker: Verb = (program, run) => {
  const group = program
    .command('docker')
    .description("what Docker's aufs driver left in --root (default: /var/lib/docker), in place");
  for (const verb of VERBS) verb(group, run);
};
