// SPDX-License-Identifier: MIT
import { copyUp } from './cases/copy-up.ts';
import { data } from './cases/data.ts';
import { lookup } from './cases/lookup.ts';
import { mounting } from './cases/mounting.ts';
import { programs } from './cases/programs.ts';
import { store } from './cases/store.ts';
import { tree } from './cases/tree.ts';
import type { Suite } from './suite.ts';

export const suites: readonly Suite[] = [tree, programs, lookup, data, mounting, copyUp, store];
