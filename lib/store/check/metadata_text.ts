// SPDX-License-Identifier: MIT
import { isLayerId } from '../layer_id.ts';

/** What is wrong with the text of a metadata file; undefined if nothing is. */
export function metadataFault(text: string): string | undefined {
  if (text.trim() === '') return 'it is empty, as after a power cut';
  const value = parseObject(text);
  if (value === undefined) return 'it is no JSON object';
  const { parent, readOnly } = value;
  if (typeof readOnly !== 'boolean') return 'it does not say whether the layer is read-only';
  if (parent === undefined || parent === null) return undefined;
  return typeof parent === 'string' && isLayerId(parent) ? undefined : 'its parent is not a layer id';
}

/** Parent that the text tells of, null for none, undefined if it tells nothing. */
export function recordedParent(text: string): string | null | undefined {
  const parent = parseObject(text)?.['parent'];
  if (parent === null) return null;
  return typeof parent === 'string' && isLayerId(parent) ? parent : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const fits = typeof value === 'object' && value !== null && !Array.isArray(value);
    return fits ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
