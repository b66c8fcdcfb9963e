// SPDX-License-Identifier: MIT

/** Splits at every `separator` that has no backslash before it. Backslashes stay. */
export function splitEscaped(text: string, separator: string): string[] {
  const parts = [''];
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === separator) {
      parts.push('');
      continue;
    }
    const escaped = char === '\\' && i + 1 < text.length ? char + text.charAt(++i) : char;
    parts[parts.length - 1] += escaped;
  }
  return parts;
}

/** The text with a backslash before each character that has a meaning in a list of options. */
export function escapeOption(text: string): string {
  return text.replaceAll(/[\\,:=]/g, '\\$&');
}

/** Takes the backslashes away that gave the following character no meaning. */
export function unescapeOption(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1');
}
