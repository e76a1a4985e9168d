/**
 * Text that is safe to print: C0 and C1 control characters, line breaks, and marks of text direction are written as
 * `\uXXXX`. A terminal would interpret them, and an editor would show the text in another order.
 *
 * Names of discovered services, error texts and details come from targets, and names from an operator's file.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
const ALL_UNSAFE = new RegExp(UNSAFE, "g");

/** The text with every unsafe character escaped. */
export function printable(text: string): string {
  return UNSAFE.test(text) ? text.replace(ALL_UNSAFE, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
