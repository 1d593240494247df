/**
 * What could move a terminal's cursor, hide text or turn its direction: C0 and C1 controls, DEL, line and paragraph separators and the
 * bidirectional controls. Source: ECMA-48; Unicode Standard Annex #9, section 2.
 */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** `text`, which may come from a peer or a file name, as it may be shown on one line of a terminal. */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNSAFE, '')
}

/** A value as one line of JSON that says exactly the same, and is safe to show on a terminal. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
