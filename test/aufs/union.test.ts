// SPDX-License-Identifier: MIT
import { replayAll } from './run_all.ts';
import { UnionEngine } from './union_engine.ts';

replayAll('union', (stage) => new UnionEngine(stage));
