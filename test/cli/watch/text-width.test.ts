/** Cells of a table: their width on every terminal, and their form when they are too long. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fitted, tableText, widthOf } from "../../../src/cli/watch/text-width.js";

describe("a text in a table", () => {
  const texts: readonly (readonly [text: string, shown: string, width: number])[] = [
    ["acme.Orders", "acme.Orders", 11],
    ["Größe Ωж", "Größe Ωж", 8],
    ["注文", "注文", 4],
    ["한국", "한국", 4],
    ["\u001b[2J", "\\u{1b}[2J", 9],
    ["a\r\n\tb", "a\\u{d}\\u{a}\\u{9}b", 17],
    ["\u009b", "\\u{9b}", 6],
    ["e\u0301", "e\\u{301}", 8],
    ["\u202eabc", "\\u{202e}abc", 11],
    ["\u200b", "\\u{200b}", 8],
    ["👩", "\\u{1f469}", 9],
    ["\ud800", "\\u{d800}", 8],
    ["\u00a0\u00ad", "\\u{a0}\\u{ad}", 12],
    ["か\u3099", "か\\u{3099}", 10],
    ["", "", 0],
  ];
  for (const [text, shown, width] of texts)
    test(`${JSON.stringify(text)} has ${width} columns`, () => {
      assert.equal(tableText(text), shown);
      assert.equal(widthOf(shown), width);
    });

  test("every character is shown as it is, or escaped in ASCII", () => {
    for (let code = 0; code <= 0xffff; code += 1) {
      const character = String.fromCharCode(code);
      const shown = tableText(character);
      if (shown !== character) assert.match(shown, /^\\u\{[\da-f]+\}$/);
      else assert.match(character, /^[\p{L}\p{N}\p{P}\p{S}\p{M} \p{Cn}]$/u, code.toString(16));
    }
  });

  for (const [text, columns, end, start] of [
    ["acme.Orders", 11, "acme.Orders", "acme.Orders"],
    ["acme.Orders", 13, "acme.Orders  ", "acme.Orders  "],
    ["acme.Orders", 8, "acme.O..", "..Orders"],
    ["注文サービス", 7, "注文.. ", "..ビス "],
    ["注文", 3, ".. ", ".. "],
    ["abc", 2, "..", ".."],
    ["abc", 1, ".", "."],
    ["abc", 0, "", ""],
  ] as const)
    test(`${text} in ${columns} columns`, () => {
      assert.equal(fitted(text, columns), end);
      assert.equal(fitted(text, columns, "start"), start);
      assert.equal(widthOf(fitted(text, columns)), columns);
    });
});
