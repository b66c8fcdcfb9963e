// SPDX-License-Identifier: MIT
export type { DockerCheckFinding, DockerCheckReport } from './check_docker.ts';
export type { DockerGcReport } from './collect_orphans.ts';
export { DockerContainer } from './docker_container.ts';
export type { DockerContents } from './docker_contents.ts';
export type { DockerFinding, DockerFindingKind } from './docker_finding.ts';
export { DockerLayer, type DockerMountOptions } from './docker_layer.ts';
export { DockerStore, type RegisteredLayer } from './docker_store.ts';
export { type OpenDockerStoreOptions, openDockerStore } from './open_docker_store.ts';
export type { DockerImage } from './read_images.ts';
export type { RegisterOptions } from './register_layer.ts';
export type { ReleasedLayer } from './release_layer.ts';
