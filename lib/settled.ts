// SPDX-License-Identifier: MIT

/** Waits for all of them: nothing goes on when this rejects. @throws what the first of them that failed says. */
export async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
