// SPDX-License-Identifier: MIT
import { MountEngine } from './mount_engine.ts';
import { replayAll } from './run_all.ts';

replayAll('mount', (stage) => new MountEngine(stage));
