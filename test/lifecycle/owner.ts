// SPDX-License-Identifier: MIT
// Mounts TARGET BRANCH... [--persist], says so on stdout, and stays until it is killed (or, with --persist, goes).
import { mount } from '../../lib/mount.ts';

const [target = '', ...rest] = process.argv.slice(2);
const persist = rest.includes('--persist');
await mount(target, { branches: rest.filter((word) => word !== '--persist'), persist });
console.log('mounted');
if (!persist) setInterval(() => {}, 1000);
