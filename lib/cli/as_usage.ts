// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';

/** What the library takes for a mistake of the program is one of the user here: words of a command line came to it unread. */
export async function asUsage(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
    throw new AufsError('ERR_USAGE', cause.message, { hint: 'see node-aufs branch --help', cause });
  }
}
