// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import { AufsError } from '../errors.ts';

/** Docker's form of a layer id: 64 hexadecimal digits, with `-init` or without. */
const LAYER_ID = /^[0-9a-f]{64}(-init)?$/;
const PREFIX = /^[0-9a-f]{1,64}(-init)?$/;

export function isLayerId(text: string): boolean {
  return LAYER_ID.test(text);
}

/** Passes a layer id on; anything else is refused before it can become a path. */
export function checkLayerId(text: string): string {
  if (!isLayerId(text)) throw notAnId(text);
  return text;
}

/** True for what may be a layer id or the beginning of one. */
export function isLayerPrefix(text: string): boolean {
  return PREFIX.test(text);
}

/** Passes on what may be a layer id or the beginning of one. */
export function checkLayerPrefix(text: string): string {
  if (!isLayerPrefix(text)) throw notAnId(text);
  return text;
}

export function newLayerId(): string {
  return randomBytes(32).toString('hex');
}

/** The first 12 digits of an id or a digest, as Docker shows them to people. */
export function shortId(id: string): string {
  const digits = id.replace(/^sha256:/, '');
  return id.endsWith('-init') ? `${digits.slice(0, 12)}-init` : digits.slice(0, 12);
}

function notAnId(text: string): AufsError {
  return new AufsError('ERR_LAYER_ID', `${JSON.stringify(text)} is not a layer id`, {
    hint: 'an id is 64 hexadecimal digits (-init may follow); a unique beginning is enough to name an existing layer',
    id: text,
  });
}
