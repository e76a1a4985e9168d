/**
 * Names and texts of a server as cells of a table: the columns that they need, and their form when they don't fit.
 *
 * A terminal decides how wide a character is, and terminals differ for combining marks, emoji and rare scripts. Only
 * characters that have one width everywhere are shown as they are; all others are written as `\u{XXXX}`. So no name can
 * move the columns, and no name can control the terminal.
 */

/** ASCII, Latin, Greek and Cyrillic letters: one column. */
const NARROW = /[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f]/;

/** Han, kana, Hangul and full-width forms: two columns (Unicode Standard Annex #11, East Asian Width). */
const WIDE =
  /[\u2e80-\u2fff\u3001-\u3029\u3030-\u303e\u3041-\u3096\u309b-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60]/;

const PLAIN = /^[\x20-\x7e]*$/;

/** The text in characters of a known width. */
export function tableText(text: string): string {
  return PLAIN.test(text) ? text : Array.from(text, tableCharacter).join("");
}

function tableCharacter(character: string): string {
  if (NARROW.test(character) || WIDE.test(character)) return character;
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** The columns of a text that `tableText` has made. */
export function widthOf(text: string): number {
  return PLAIN.test(text)
    ? text.length
    : Array.from(text).reduce((sum, character) => sum + widthOfCharacter(character), 0);
}

function widthOfCharacter(character: string): number {
  return WIDE.test(character) ? 2 : 1;
}

/** What stands for a part that is left out. */
const GAP = "..";

/** The text in exactly so many columns. The part that does not fit is left out at one end. */
export function fitted(text: string, columns: number, leftOut: "start" | "end" = "end"): string {
  const width = widthOf(text);
  if (width <= columns) return text + " ".repeat(columns - width);
  const characters = Array.from(text);
  if (leftOut === "start") characters.reverse();
  const gap = GAP.slice(0, Math.max(0, columns));
  let rest = columns - gap.length;
  const shown: string[] = [];
  for (const character of characters) {
    rest -= widthOfCharacter(character);
    if (rest < 0) break;
    shown.push(character);
  }
  if (leftOut === "start") shown.reverse();
  const cut = leftOut === "start" ? gap + shown.join("") : shown.join("") + gap;
  return cut + " ".repeat(Math.max(0, columns - widthOf(cut)));
}
