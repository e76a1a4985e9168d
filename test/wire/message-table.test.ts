/** Messages as tables: what each kind of field writes, reads and refuses. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  choice,
  count,
  decodeMessage,
  encodeMessage,
  flag,
  message,
  optional,
  repeated,
  text,
} from "../../src/wire/message-table.js";

const INNER = { n: count(1) } as const;

const TABLE = {
  name: text(1),
  size: count(2),
  isOn: flag(3),
  word: choice(4, ["one", "two", "three"]),
  inner: message(5, INNER),
  maybe: optional(count(6)),
  list: repeated(text(7)),
  far: text(2_000),
} as const;

const NOTHING = {
  name: "",
  size: 0,
  isOn: false,
  word: "one",
  inner: undefined,
  maybe: undefined,
  list: [],
  far: "",
} as const;

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const decode = (hex: string) => decodeMessage(TABLE, bytes(hex));

describe("a field", () => {
  const rows: readonly (readonly [label: string, values: Partial<typeof NOTHING> | object, hex: string])[] = [
    ["with its default is not written", NOTHING, ""],
    ["of text", { name: "a\u00e9" }, "0a 03 61c3a9"],
    ["of a count", { size: 300 }, "10 ac02"],
    ["of the largest count", { size: Number.MAX_SAFE_INTEGER }, "10 ffffffffffffff0f"],
    ["of a flag", { isOn: true }, "18 01"],
    ["of a word", { word: "three" }, "20 02"],
    ["of a message", { inner: { n: 5 } }, "2a 02 0805"],
    ["of an empty message", { inner: { n: 0 } }, "2a 00"],
    ["that may be absent, with its default", { maybe: 0 }, "30 00"],
    ["that may be absent, with another value", { maybe: 7 }, "30 07"],
    ["that is repeated", { list: ["a", "", "b"] }, "3a 01 61 3a 00 3a 01 62"],
    ["with a large number", { far: "x" }, "827d 01 78"],
  ];
  for (const [label, values, hex] of rows)
    test(`${label} is written, and read back`, () => {
      assert.equal(encodeMessage(TABLE, values).toString("hex"), hex.replaceAll(" ", ""));
      assert.deepEqual(decode(hex), { ...NOTHING, ...values });
    });

  test("that cannot be a count is written as the nearest one", () => {
    assert.equal(encodeMessage(TABLE, { size: 2.9 }).toString("hex"), "1002");
    assert.equal(encodeMessage(TABLE, { size: -3 }).toString("hex"), "1000");
  });
});

describe("bytes are read", () => {
  const rows: readonly (readonly [label: string, hex: string, values: object])[] = [
    ["of fields in any order, the last one of each counts", "10 05 0a 01 61 10 06", { name: "a", size: 6 }],
    ["without fields that the table lacks, of every wire type", "48 01 52 01 61 5d 00000000 61 0000000000000000", {}],
    ["as a flag that is set, of any number", "18 05", { isOn: true }],
    ["as the first word, of a number without one", "20 09", { word: "one" }],
    ["as a message whose fields the table lacks", "2a 02 1005", { inner: { n: 0 } }],
  ];
  for (const [label, hex, values] of rows) test(label, () => assert.deepEqual(decode(hex), { ...NOTHING, ...values }));
});

describe("bytes are no message", () => {
  const rows: readonly (readonly [label: string, hex: string])[] = [
    ["with a number in the place of a text", "08 01"],
    ["with a text in the place of a number", "12 01 61"],
    ["with a text in the place of a flag", "1a 01 61"],
    ["with a text in the place of a word", "22 01 61"],
    ["with a number in the place of a message", "28 01"],
    ["with a text in the place of an optional number", "32 01 61"],
    ["with a number in a list of texts", "38 01"],
    ["with a number above 2^53 - 1", "10 8080808080808010"],
    ["with a text that is not UTF-8", "0a 01 ff"],
    ["with a message within that is none", "2a 01 08"],
    ["that are cut", "0a 03 61"],
  ];
  for (const [label, hex] of rows) test(label, () => assert.equal(decode(hex), undefined));
});

test("a list that is read is a new one for each message", () => {
  const [one, other] = [decode("3a 01 61"), decode("3a 01 62")];
  assert.deepEqual([one?.list, other?.list, decode("")?.list], [["a"], ["b"], []]);
});
