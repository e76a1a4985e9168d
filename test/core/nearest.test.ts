/** The most similar word of a list. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nearestTo } from "../../src/core/nearest.js";

const FLAGS = ["listen", "check", "interval", "timeout", "drain-delay", "tls-cert", "tls-key"];

describe("the nearest word", () => {
  const rows: readonly (readonly [string, string, readonly string[], string | undefined])[] = [
    ["the word itself", "listen", FLAGS, "listen"],
    ["a letter replaced", "lisden", FLAGS, "listen"],
    ["a letter left out", "listn", FLAGS, "listen"],
    ["a letter too many", "chheck", FLAGS, "check"],
    ["two letters changed places", "intevral", FLAGS, "interval"],
    ["a third of the word wrong", "drxixdelay", FLAGS, "drain-delay"],
    ["a short word may have one edit", "ab", ["ac"], "ac"],
    ["a word of one letter may have one edit", "a", ["b"], "b"],
    ["nothing typed is one edit from one letter", "", ["b"], "b"],
    ["nothing typed is far from a word", "", FLAGS, undefined],
    ["more than a third of the word wrong", "lixxxn", FLAGS, undefined],
    ["two edits of a short word are too many", "ab", ["xy"], undefined],
    ["a word like none", "zzzzzz", FLAGS, undefined],
    ["no candidates", "listen", [], undefined],
    ["of two the nearer one", "tls-kert", FLAGS, "tls-cert"],
    ["of two equally near the first", "bat", ["cat", "rat"], "cat"],
    ["the word wins over a neighbour before it", "rat", ["cat", "rat"], "rat"],
    ["letters count by case", "LISTEN", FLAGS, undefined],
  ];
  for (const [label, word, candidates, nearest] of rows) {
    test(label, () => assert.equal(nearestTo(word, candidates), nearest));
  }
});
