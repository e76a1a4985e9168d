/** HPACK by the examples of RFC 7541, Appendix C, and by what it forbids. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConnectionError } from "../../../src/wire/http2/frames.js";
import { HpackDecoder } from "../../../src/wire/http2/hpack-decoder.js";
import { EMPTY_TABLE, encodeHeaders } from "../../../src/wire/http2/hpack-encoder.js";
import { decodeHuffman } from "../../../src/wire/http2/huffman.js";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Sets the table to the 256 octets of C.5 and C.6. */
const SIZE_256 = "3fe101";

const REQUESTS = [
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com", "cache-control", "no-cache"],
  // biome-ignore format: a line a list
  [":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com", "custom-key", "custom-value"],
];

const DATES = ["Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT"] as const;
const COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const LOCATION = ["location", "https://www.example.com"] as const;
const PRIVATE = ["cache-control", "private"] as const;

const RESPONSES = [
  [":status", "302", ...PRIVATE, "date", DATES[0], ...LOCATION],
  [":status", "307", ...PRIVATE, "date", DATES[0], ...LOCATION],
  // biome-ignore format: a line a list
  [":status", "200", ...PRIVATE, "date", DATES[1], ...LOCATION, "content-encoding", "gzip", "set-cookie", COOKIE],
];

/** Blocks of one connection, one after the other, and what each holds. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [block: string, fields: readonly string[]])[]>> = {
  "C.2.1 a literal with indexing": [
    ["400a637573746f6d2d6b65790d637573746f6d2d686561646572", ["custom-key", "custom-header"]],
  ],
  "C.2.2 a literal without indexing": [["040c2f73616d706c652f70617468", [":path", "/sample/path"]]],
  "C.2.3 a literal that is never indexed": [["100870617373776f726406736563726574", ["password", "secret"]]],
  "C.2.4 an indexed field": [["82", [":method", "GET"]]],
  "C.3 requests without Huffman coding": [
    ["828684410f7777772e6578616d706c652e636f6d", REQUESTS[0] ?? []],
    ["828684be58086e6f2d6361636865", REQUESTS[1] ?? []],
    ["828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", REQUESTS[2] ?? []],
  ],
  "C.4 requests with Huffman coding": [
    ["828684418cf1e3c2e5f23a6ba0ab90f4ff", REQUESTS[0] ?? []],
    ["828684be5886a8eb10649cbf", REQUESTS[1] ?? []],
    ["828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", REQUESTS[2] ?? []],
  ],
  "C.5 responses without Huffman coding, with evictions": [
    [
      `${SIZE_256}4803333032580770726976617465611d${Buffer.from(DATES[0]).toString("hex")}6e17${Buffer.from(LOCATION[1]).toString("hex")}`,
      RESPONSES[0] ?? [],
    ],
    ["4803333037c1c0bf", RESPONSES[1] ?? []],
    [
      `88c1611d${Buffer.from(DATES[1]).toString("hex")}c05a04677a69707738${Buffer.from(COOKIE).toString("hex")}`,
      RESPONSES[2] ?? [],
    ],
  ],
  "C.6 responses with Huffman coding, with evictions": [
    [
      `${SIZE_256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
      RESPONSES[0] ?? [],
    ],
    ["4883640effc1c0bf", RESPONSES[1] ?? []],
    [
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      RESPONSES[2] ?? [],
    ],
  ],
};

describe("the examples of RFC 7541, Appendix C", () => {
  for (const [name, blocks] of Object.entries(EXAMPLES))
    test(name, () => {
      const decoder = new HpackDecoder();
      for (const [block, fields] of blocks) assert.deepEqual(decoder.decode(bytes(block)).fields, fields);
    });
});

/** Blocks that end the connection, and a part of the reason. */
const BROKEN: readonly (readonly [label: string, block: string, reason: RegExp])[] = [
  ["index 0", "80", /outside the tables/],
  ["an index beyond the static table where the other is empty", "be", /outside the tables/],
  ["an index beyond both tables", "ff80808001", /outside the tables/],
  ["the name of an entry that isn't there", "7f00 0161", /outside the tables/],
  ["an integer that is cut", "ff", /beyond the end/],
  ["an integer that goes on for ever", "ff8080808080808080808000", /too large/],
  ["an integer above any use", "7fffffffffff0f", /too large/],
  ["a string that is cut", "00 03 6162", /beyond the end/],
  ["a length that is cut", "00", /beyond the end/],
  ["a Huffman code with EOS within", "00 84 ffffffff 00", /Huffman/],
  ["a Huffman code with eight bits of padding", "00 82 1fff 00", /Huffman/],
  ["a Huffman code padded by zeros", "00 81 18 00", /Huffman/],
  ["a table above the limit", "3fe21f", /above the limit/],
  ["a table size after a field", "82 20", /after a field/],
];

for (const [label, block, reason] of BROKEN)
  test(`HPACK refuses ${label}`, () => {
    assert.throws(
      () => new HpackDecoder().decode(bytes(block)),
      (error) => error instanceof ConnectionError && error.code === "COMPRESSION_ERROR" && reason.test(error.message),
    );
  });

test("a table of exactly the limit, and two sizes in a row, are allowed", () => {
  assert.deepEqual(new HpackDecoder().decode(bytes("20 3fe11f 82")).fields, [":method", "GET"]);
});

test("an entry larger than the table empties it, and is still a field", () => {
  const decoder = new HpackDecoder();
  decoder.decode(encodeIndexed("a", "b"));
  assert.deepEqual(decoder.decode(encodeIndexed("big", "x".repeat(4_096))).fields, ["big", "x".repeat(4_096)]);
  assert.throws(() => decoder.decode(bytes("be")), /outside the tables/);
});

test("the oldest entries are evicted, and the newest keep their places", () => {
  const decoder = new HpackDecoder();
  for (const name of ["one", "two", "three"]) decoder.decode(encodeIndexed(name, "v".repeat(1_300)));
  decoder.decode(encodeIndexed("four", "v".repeat(1_300)));
  const { fields } = decoder.decode(bytes("be bf c0"));
  assert.deepEqual([fields[0], fields[2], fields[4]], ["four", "three", "two"]);
  assert.throws(() => decoder.decode(bytes("c1")), /outside the tables/);
});

test("the version changes with the tables, and only then", () => {
  const decoder = new HpackDecoder();
  const { version } = decoder;
  decoder.decode(bytes("82 0400"));
  assert.equal(decoder.version, version);
  decoder.decode(encodeIndexed("a", "b"));
  assert.notEqual(decoder.version, version);
  const before = decoder.version;
  decoder.decode(bytes("20"));
  assert.notEqual(decoder.version, before);
});

test("the rest of a list above 64 fields or 16 KiB is read, but not kept", () => {
  const decoder = new HpackDecoder();
  const many = Array.from({ length: 65 }, () => ["a", "b"] as const);
  assert.deepEqual(
    [decoder.decode(encodeHeaders(many.slice(1))).tooLong, decoder.decode(encodeHeaders(many)).tooLong],
    [false, true],
  );
  const long = [["a", "x".repeat(16_384 - 33)]] as const;
  assert.equal(decoder.decode(encodeHeaders(long)).tooLong, false);
  const longer = Buffer.concat([encodeHeaders([["a", "x".repeat(16_384 - 32)]]), encodeIndexed("c", "d")]);
  assert.deepEqual(decoder.decode(longer), { fields: [], tooLong: true });
  assert.deepEqual(decoder.decode(bytes("be")).fields, ["c", "d"], "what came after it is in the table");
});

test("the decoder reads what the encoder writes", () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
  const value = fc.stringMatching(/^[ -~\u00a0-\u00ff]{0,400}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (fields) => {
      assert.deepEqual(new HpackDecoder().decode(encodeHeaders([[":status", "200"], ...fields])).fields, [
        ":status",
        "200",
        ...fields.flat(),
      ]);
    }),
  );
});

test("Huffman codes of every length are decoded", () => {
  // the codes of Appendix B, by their own bits: 5, 6, 7, 8, 10, 13, 15, 19, 24, 28 and 30 of them
  const codes: readonly (readonly [code: number, bits: number, symbol: string])[] = [
    [0x3, 5, "a"],
    [0x14, 6, " "],
    [0x5c, 7, ":"],
    [0xf8, 8, "&"],
    [0x3f8, 10, "!"],
    [0x1ff9, 13, "$"],
    [0x7ffc, 15, "<"],
    [0x7fff0, 19, "\\"],
    [0xffffea, 24, "\t"],
    [0xfffffe2, 28, "\u0002"],
    [0x3ffffffc, 30, "\n"],
  ];
  for (const [code, bits, symbol] of codes) {
    const text = code.toString(2).padStart(bits, "0");
    const padded = text.padEnd(Math.ceil(bits / 8) * 8, "1");
    const octets = padded.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? [];
    assert.equal(decodeHuffman(Buffer.from(octets), 0, octets.length), symbol, `${bits} bits`);
  }
});

/** A literal with indexing (section 6.2.1). */
function encodeIndexed(name: string, value: string): Buffer {
  const literal = encodeHeaders([[name, value]]);
  return Buffer.concat([Buffer.from([0x40]), literal.subarray(1)]);
}

describe("the encoder", () => {
  const rows: readonly (readonly [label: string, fields: readonly (readonly [string, string])[], hex: string])[] = [
    ["writes the status 200 as one octet", [[":status", "200"]], "88"],
    ["writes another status by the index of its name", [[":status", "404"]], "08 03 343034"],
    ["writes 200 of another field as text", [["x", "200"]], "00 01 78 03 323030"],
    ["writes a name of the static table by its first index", [[":method", "POST"]], "02 04 504f5354"],
    ["writes a large index in two octets", [["content-type", "a"]], "0f 10 01 61"],
    ["writes the last name of the static table", [["www-authenticate", ""]], "0f 2e 00"],
    ["writes a name as text", [["ab", "\u00e9"]], "00 02 6162 01 e9"],
  ];
  for (const [label, fields, hex] of rows)
    test(label, () => assert.equal(encodeHeaders(fields).toString("hex"), hex.replaceAll(" ", "")));

  test("writes a length above 126 in as many octets as it needs", () => {
    for (const [length, hex] of [
      [126, "7e"],
      [127, "7f00"],
      [128, "7f01"],
      [254, "7f7f"],
      [255, "7f8001"],
      [127 + 0x4000, "7f808001"],
    ] as const)
      assert.equal(
        encodeHeaders([["via", "x".repeat(length)]])
          .subarray(2, 2 + hex.length / 2)
          .toString("hex"),
        hex,
        `${length}`,
      );
  });

  test("has an update that empties the table", () => assert.equal(EMPTY_TABLE.toString("hex"), "20"));
});
