// SPDX-License-Identifier: MIT
// A process that does one operation with a store, a step for each line that it is told: prepare, act.
// ROOT TITLE [DURABILITY]; answers a line to each, and at the end "done" or what went wrong as JSON.
import { createInterface } from 'node:readline';
import { type Durability, openStore, type Store } from '../../lib/store/index.ts';
import { OPERATIONS, WRITE } from './store_operations.ts';

const [root = '', title = '', durability] = process.argv.slice(2);
const operation = [...OPERATIONS, WRITE].find((one) => one.title === title);
if (operation === undefined) throw new Error(`no operation '${title}'`);
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
say('loaded');
await lines.next();
const store =
  operation.opens === true ? undefined : await openStore(root, { durability: durability as Durability });
if (store !== undefined) await operation.prepare?.(store);
say('prepared');
await lines.next();
try {
  await operation.act(store as Store, root);
  say('done');
} catch (error) {
  const { name, code, message } = error as NodeJS.ErrnoException;
  say(JSON.stringify({ name, code, message }));
}
process.exit();
