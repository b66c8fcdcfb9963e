// SPDX-License-Identifier: MIT
import test from 'ava';
import { seeded, shrink } from '../helpers/random.ts';

test('shrink finds the two steps of 200 that matter', async (t) => {
  const steps = Array.from({ length: 200 }, (_, i) => i);
  const shortest = await shrink(steps, async (story) => story.includes(17) && story.includes(142));
  t.deepEqual(shortest, [17, 142]);
});

test('a seed gives the same numbers again', (t) => {
  const [a, b] = [seeded(7), seeded(7)];
  const numbers = Array.from({ length: 50 }, () => a(1000));
  t.deepEqual(
    Array.from({ length: 50 }, () => b(1000)),
    numbers,
  );
  t.true(new Set(numbers).size > 40);
});
