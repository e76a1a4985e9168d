/** Keys from the bytes of a terminal. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Key, readKeys } from "../../../src/cli/watch/keys.js";

const text = (character: string): Key => ({ text: character });

describe("the keys of a terminal", () => {
  const rows: readonly (readonly [typed: string, keys: readonly Key[], rest?: string])[] = [
    ["qs", [text("q"), text("s")]],
    ["\u001b[A\u001b[B\u001bOA\u001bOB", ["up", "down", "up", "down"]],
    ["\u001b[5~\u001b[6~", ["page-up", "page-down"]],
    ["\u001b[H\u001b[F\u001b[1~\u001b[4~\u001b[7~\u001b[8~\u001bOH\u001bOF", [...many(4)]],
    ["\u001b[1;5A", ["up"]],
    ["\r\n", ["enter", "enter"]],
    ["\u007f\b", ["backspace", "backspace"]],
    ["\u0003\u001a\u000c\u0015", ["interrupt", "suspend", "redraw", "clear-line"]],
    ["äß注👩", [text("ä"), text("ß"), text("注"), text("👩")]],
    ["\u001b", [], "\u001b"],
    ["a\u001b[", [text("a")], "\u001b["],
    ["\u001b[1;", [], "\u001b[1;"],
    ["\u001bO", [], "\u001bO"],
    ["\u001b[3~", []],
    ["\u001b[?1;2c", []],
    ["\u001bx", ["escape", text("x")]],
    ["\u001b\u001b[A", ["escape", "up"]],
    ["\u0000\u0001\u0007\u202e", []],
    [`\u001b[${"1".repeat(100)}`, ["escape", text("["), ...Array.from({ length: 100 }, () => text("1"))]],
  ];
  for (const [typed, keys, rest = ""] of rows)
    test(JSON.stringify(typed.slice(0, 30)), () => {
      assert.deepEqual(readKeys(typed), { keys, rest });
    });

  test("a sequence in two parts is one key", () => {
    const { rest } = readKeys("\u001b[");
    assert.deepEqual(readKeys(`${rest}6~`).keys, ["page-down"]);
  });
});

function many(pairs: number): readonly Key[] {
  return Array.from({ length: pairs }, (): readonly Key[] => ["home", "end"]).flat();
}
