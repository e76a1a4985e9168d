/**
 * Keys from the bytes of a terminal in raw mode.
 *
 *     a letter            itself
 *     ESC [ A, ESC O A    up; other sequences of ECMA-48, section 5.4, in the same way
 *     ESC alone           escape, when nothing follows it
 *
 * A sequence may come in parts, so an incomplete one is kept for the next part.
 */

/** A named key, or one printable character. */
export type Key = (typeof NAMED)[number] | { readonly text: string };

const NAMED = [
  ...(["up", "down", "page-up", "page-down", "home", "end", "enter", "escape", "backspace"] as const),
  ...(["clear-line", "interrupt", "suspend", "redraw"] as const),
] as const;

const SEQUENCES: Readonly<Record<string, Key>> = {
  A: "up",
  B: "down",
  H: "home",
  F: "end",
  "1~": "home",
  "4~": "end",
  "5~": "page-up",
  "6~": "page-down",
  "7~": "home",
  "8~": "end",
};

const CONTROLS: Readonly<Record<string, Key>> = {
  "\r": "enter",
  "\n": "enter",
  "\u007f": "backspace",
  "\b": "backspace",
  "\u0003": "interrupt",
  "\u001a": "suspend",
  "\u000c": "redraw",
  "\u0015": "clear-line",
};

/** A control sequence: parameters, then one final character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a terminal sends
const SEQUENCE = /^\u001b(?:\[([\x20-\x3f]*[\x40-\x7e])|O([\x20-\x7e]))/;

/** The beginning of one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a terminal sends
const INCOMPLETE = /^\u001b(?:\[[\x20-\x3f]{0,30}|O)?$/;

/** Reads keys. Returns them, and the rest of the text that is the beginning of a sequence. */
export function readKeys(text: string): { readonly keys: readonly Key[]; readonly rest: string } {
  const keys: Key[] = [];
  for (let rest = text; rest !== ""; ) {
    if (INCOMPLETE.test(rest)) return { keys, rest };
    const [sequence, final, application] = SEQUENCE.exec(rest) ?? [];
    if (sequence !== undefined) {
      const key = SEQUENCES[(final ?? application ?? "").replace(/^1;\d+/, "")];
      if (key !== undefined) keys.push(key);
      rest = rest.slice(sequence.length);
      continue;
    }
    const [character = ""] = rest;
    const key = keyOf(character);
    if (key !== undefined) keys.push(key);
    rest = rest.slice(character.length);
  }
  return { keys, rest: "" };
}

function keyOf(character: string): Key | undefined {
  if (character === "\u001b") return "escape";
  const control = CONTROLS[character];
  if (control !== undefined) return control;
  return /^\P{C}$/u.test(character) ? { text: character } : undefined;
}
