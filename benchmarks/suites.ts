// SPDX-License-Identifier: MIT
import { copyUp } from './cases/copy-up.ts';
import { lookup } from './cases/lookup.ts';
import { store } from './cases/store.ts';
import type { Suite } from './suite.ts';

export const suites: readonly Suite[] = [copyUp, lookup, store];
