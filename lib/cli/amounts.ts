// SPDX-License-Identifier: MIT
import { AufsError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `500`, `64K`, `2G`: bytes. */
export function bytesOption(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,12})([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? Number.NaN);
  if (digits !== '' && Number.isSafeInteger(bytes)) return bytes;
  throw new AufsError('ERR_USAGE', `'${text}' is not a size`, {
    hint: 'write a number of bytes, or 64K, 500M, 2G',
  });
}

export function countOption(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AufsError('ERR_USAGE', `'${text}' is not a number`, { hint: 'write digits' });
}
