// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { oneAhead } from '../../lib/store/read_ahead.ts';

/** Numbers from 0 on, and what has happened to their source. */
function numbers(fails = Number.POSITIVE_INFINITY) {
  const log: string[] = [];
  async function* source(): AsyncGenerator<number, void, void> {
    try {
      for (let i = 0; i < 4; i++) {
        log.push(`begin ${i}`);
        await sleep(5);
        if (i === fails) throw new Error(`no ${i}`);
        log.push(`end ${i}`);
        yield i;
      }
    } finally {
      log.push('closed');
    }
  }
  return { log, source: source() };
}

test('oneAhead: the next is being made while one is used, and no more', async (t) => {
  const { log, source } = numbers();
  const seen: number[] = [];
  for await (const number of oneAhead(source)) {
    t.is(log.at(-1), number === 3 ? 'closed' : `begin ${number + 1}`);
    await sleep(20);
    t.false(log.includes(`begin ${number + 2}`));
    seen.push(number);
  }
  t.deepEqual(seen, [0, 1, 2, 3]);
});

test('oneAhead: after an early end nothing runs, and the source is closed', async (t) => {
  const { log, source } = numbers();
  for await (const number of oneAhead(source)) if (number === 1) break;
  t.deepEqual(log, ['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2', 'closed']);
});

test('oneAhead: a failure comes in its turn, also if it happens early, and is none if nobody gets there', async (t) => {
  const failing = oneAhead(numbers(1).source);
  t.is((await failing.next()).value, 0);
  await sleep(20);
  await t.throwsAsync(failing.next(), { message: 'no 1' });
  const left = oneAhead(numbers(1).source);
  await left.next();
  await t.notThrowsAsync(left.return());
});
