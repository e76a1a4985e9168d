import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BrokenCall } from "../../src/client/broken-call.js";
import { type HttpResponse, ResponseReader } from "../../src/client/http-response.js";
import { startCpuTime } from "../support/stopwatch.js";

const MOST = 65_536;

/** Reads bytes in the given parts, each in a place that is overwritten as soon as it has been handed over. */
function readParts(parts: readonly Buffer[], { most = MOST, end = false } = {}): HttpResponse | undefined {
  const reader = new ResponseReader(most);
  for (const part of parts) {
    const landing = Buffer.from(part);
    const answer = reader.push(landing);
    landing.fill("?");
    if (answer !== undefined) return answer;
  }
  return end ? reader.end() : undefined;
}

const read = (text: string, options?: { most?: number; end?: boolean }) =>
  readParts([Buffer.from(text, "latin1")], options);

/** A response in one line. */
function told(answer: HttpResponse | undefined): string {
  if (answer === undefined) return "not whole";
  const { status, body, isCut, isReusable } = answer;
  return [status, body.toString("latin1"), isCut ? "cut" : "whole", isReusable ? "kept" : "not kept"].join(" ");
}

const OK = "HTTP/1.1 200 OK\r\n";
const chunked = (body: string) => `${OK}transfer-encoding: chunked\r\n\r\n${body}`;

describe("an answer is read as RFC 9112 says", () => {
  const rows: readonly (readonly [label: string, text: string, expected: string])[] = [
    ["a length", `${OK}Content-Length: 2\r\n\r\nOK`, "200 OK whole kept"],
    ["no body at all", `${OK}content-length: 0\r\n\r\n`, "200  whole kept"],
    ["a length that is repeated", `${OK}content-length: 2, 2\r\nContent-Length: 2\r\n\r\nOK`, "200 OK whole kept"],
    ["less than its length", `${OK}content-length: 3\r\n\r\nOK`, "not whole"],
    ["chunks", chunked("3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"), "200 abc0123456789 whole kept"],
    ["chunks with a trailer", chunked("1\r\na\r\n0\r\nx: y\r\nz: \r\n\r\n"), "200 a whole kept"],
    ["chunks without their end", chunked("1\r\na\r\n0\r\n"), "not whole"],
    ["204, which has no body whatever it says", "HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n", "204  whole kept"],
    ["304 likewise", "HTTP/1.1 304 No\r\ntransfer-encoding: chunked\r\n\r\n", "304  whole kept"],
    ["a status line without a reason", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "200  whole kept"],
    ["connection: close", `${OK}connection: Close\r\ncontent-length: 1\r\n\r\na`, "200 a whole not kept"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", "200 a whole not kept"],
    [
      "HTTP/1.0 with keep-alive",
      "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na",
      "200 a whole kept",
    ],
    [
      "interim answers",
      `HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\na: b\r\n\r\n${OK}content-length: 0\r\n\r\n`,
      "200  whole kept",
    ],
    ["bytes behind the end", `${OK}content-length: 2\r\n\r\nOKgarbage`, "200 OK whole not kept"],
    ["bytes behind the last chunk", chunked("0\r\n\r\nHTTP"), "200  whole not kept"],
    ["lines that end with LF alone", "HTTP/1.1 200 OK\ncontent-length: 2\n\nOK", "200 OK whole kept"],
    ["one line that ends with LF alone", `${OK}a: b\ncontent-length: 2\r\n\r\nOK`, "200 OK whole kept"],
    ["an empty line of LF alone", `${OK}content-length: 6\r\n\n\r\n\r\nOK`, "200 \r\n\r\nOK whole kept"],
    ["a trailer that ends with LF alone", chunked("1\r\na\r\n0\r\nx: y\n\n"), "200 a whole kept"],
    ["a folded line", `${OK}a: b\r\n\t c\r\ncontent-length:\r\n 2\r\n\r\nOK`, "200 OK whole kept"],
    ["a folded line of LF alone", `${OK}a: b\n c\ncontent-length: 2\n\nOK`, "200 OK whole kept"],
    ["two blanks before the status", "HTTP/1.1  200 OK\r\ncontent-length: 0\r\n\r\n", "200  whole kept"],
    ["a tab before the status", "HTTP/1.1\t200\tOK\r\ncontent-length: 0\r\n\r\n", "200  whole kept"],
    ["an empty reason", "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", "200  whole kept"],
    ["a blank before the colon", `${OK}content-length : 2\r\n\r\nOK`, "200 OK whole kept"],
    ["a control character in a value", `${OK}a: \x01\r\ncontent-length: 0\r\n\r\n`, "200  whole kept"],
    [
      "a length and chunks",
      `${OK}content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
      "200 a whole not kept",
    ],
    [
      "a length and the coding identity",
      `${OK}content-length: 2\r\ntransfer-encoding: identity\r\n\r\nOK`,
      "200 OK whole kept",
    ],
    [
      "chunks of HTTP/1.0",
      "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      "200 a whole not kept",
    ],
    [
      "another coding below chunks",
      `${OK}transfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
      "200 a whole kept",
    ],
    ["a chunk size with leading zeros", chunked("0000000001\r\na\r\n0\r\n\r\n"), "200 a whole kept"],
    ["a trailer of 2,000 bytes", chunked(`1\r\na\r\n0\r\nx: ${"y".repeat(2_000)}\r\n\r\n`), "200 a whole kept"],
    ["HTTP/1.2", "HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n", "200  whole kept"],
    [
      "connection: keep-alive, close",
      `${OK}connection: keep-alive, CLOSE\r\ncontent-length: 0\r\n\r\n`,
      "200  whole not kept",
    ],
    ["a length with empty members", `${OK}content-length: 2, ,2,\r\n\r\nOK`, "200 OK whole kept"],
    ["neither length nor chunks, before the end", `${OK}\r\nso far`, "not whole"],
  ];
  for (const [label, text, expected] of rows) test(label, () => assert.equal(told(read(text)), expected));

  test("the end of the connection can end the body", () =>
    assert.equal(told(read(`${OK}\r\nall of it`, { end: true })), "200 all of it whole not kept"));

  test("header names are in lower case; values are trimmed, and repeated ones are joined", () => {
    const answer = read(`${OK}X-One: \t a b \t\r\nx-two:c\r\nX-TWO: d\r\nempty:\r\ncontent-length: 0\r\n\r\n`);
    assert.deepEqual(
      [...(answer?.headers ?? [])],
      [
        ["x-one", "a b"],
        ["x-two", "c, d"],
        ["empty", ""],
        ["content-length", "0"],
      ],
    );
  });
});

describe("an ambiguous answer is `protocol`", () => {
  const rows: readonly (readonly [label: string, text: string])[] = [
    ["no HTTP at all", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\n"],
    ["the first byte of TLS", "\x15\x03\x01"],
    ["an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"],
    ["CR alone", `${OK}a: b\rcontent-length: 9\r\ncontent-length: 0\r\n\r\n`],
    ["NUL in a value", `${OK}a: b\0\r\n\r\n`],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
    ["a field without a colon", `${OK}what\r\n\r\n`],
    ["a field without a name", `${OK}: what\r\n\r\n`],
    ["two lengths", `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nxx`],
    ["two lengths in one field", `${OK}content-length: 1, 2\r\n\r\nxx`],
    ["a length below zero", `${OK}content-length: -1\r\n\r\n`],
    ["a length in hexadecimal", `${OK}content-length: 0x1\r\n\r\na`],
    ["a length beyond what a number holds", `${OK}content-length: 9999999999999999\r\n\r\n`],
    ["a chunk of no size", chunked("\r\n")],
    ["a chunk of a size below zero", chunked("-1\r\n")],
    ["a chunk of a size beyond 32 bits", chunked("100000000\r\n")],
    ["a chunk that is longer than it says", chunked("1\r\nab\r\n")],
    ["a chunk whose size ends with LF alone", chunked("1\na\r\n0\r\n\r\n")],
    ["an endless extension of a chunk", chunked(`1;${"x".repeat(20_000)}`)],
    ["an endless trailer", chunked(`0\r\n${"x: y\r\n".repeat(300)}`)],
    ["chunked that is not the last coding", `${OK}transfer-encoding: chunked, gzip\r\n\r\n`],
    ["chunked twice", `${OK}transfer-encoding: chunked, chunked\r\n\r\n`],
    ["a length that is empty", `${OK}content-length: \r\n\r\n`],
    ["a switch of protocols", "HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n"],
    ["interim answers without end", "HTTP/1.1 100 Go\r\n\r\n".repeat(9)],
    ["257 fields", `${OK}${"a: b\r\n".repeat(257)}\r\n`],
    ["a head beyond 64 KiB", `${OK}a: ${"b".repeat(66_000)}\r\n\r\n`],
    ["a head beyond 64 KiB, without its end", `${OK}a: ${"b".repeat(66_000)}`],
  ];
  for (const [label, text] of rows)
    test(label, () =>
      assert.throws(
        () => read(text),
        (error) => error instanceof BrokenCall && error.kind === "protocol",
      ),
    );

  test("256 fields and a head of 64 KiB are read", () => {
    assert.equal(told(read(`${OK}${"a: b\r\n".repeat(255)}content-length: 0\r\n\r\n`)), "200  whole kept");
    const head = `${OK}content-length: 0\r\na: `;
    assert.equal(told(read(`${head}${"b".repeat(65_536 - head.length)}\r\n\r\n`)), "200  whole kept");
  });
});

test("an incomplete answer is `closed`", () => {
  const whole = `${OK}content-length: 2\r\n\r\nOK`;
  for (let length = 0; length < whole.length; length += 1)
    assert.throws(
      () => read(whole.slice(0, length), { end: true }),
      (error) => error instanceof BrokenCall && error.kind === "closed",
    );
});

test("the answer to a HEAD has no body, whatever its fields say", () => {
  for (const fields of ["content-length: 5", "transfer-encoding: chunked", "connection: keep-alive"]) {
    const reader = new ResponseReader(MOST, { isToHead: true });
    assert.equal(told(reader.push(Buffer.from(`${OK}${fields}\r\n\r\n`))), "200  whole kept", fields);
  }
});

test("a folded value is read with one blank in place of the fold", () =>
  assert.equal(read(`${OK}a: b\r\n \t c\r\ncontent-length: 0\r\n\r\n`)?.headers.get("a"), "b c"));

test("a head that comes byte by byte costs time in proportion to its length", () => {
  const bytes = Buffer.from(`${OK}a: ${"b".repeat(60_000)}\r\n x\r\n\r\n`);
  const reader = new ResponseReader(MOST);
  const cpuMs = startCpuTime();
  for (const byte of bytes) reader.push(Buffer.of(byte));
  assert.equal(reader.end().status, 200);
  assert.ok(cpuMs() < 2_000);
});

describe("a body beyond the limit", () => {
  const longer = "x".repeat(11);
  for (const [label, text] of [
    ["with a length", `${OK}content-length: 11\r\n\r\n${longer}`],
    ["with a length, and more to come", `${OK}content-length: 10000000000\r\n\r\n${longer}`],
    ["in chunks", chunked(`b\r\n${longer}`)],
    ["to the end of the connection", `${OK}\r\n${longer}`],
  ] as const)
    test(`${label} is cut, and the connection is not kept`, () =>
      assert.equal(told(read(text, { most: 10 })), "200 xxxxxxxxxx cut not kept"));

  test("a body of exactly the limit is complete", () =>
    assert.equal(told(read(`${OK}content-length: 10\r\n\r\n0123456789`, { most: 10 })), "200 0123456789 whole kept"));
});

test("the answer does not depend on how the bytes are split", () => {
  const texts = [
    `HTTP/1.1 103 Hint\r\na: b\r\n\r\n${OK}x: y\r\ncontent-length: 12\r\n\r\n0123456789ab`,
    chunked("3;a=b\r\nabc\r\n9\r\n012345678\r\n0\r\nx: y\r\n\r\n"),
    "HTTP/1.1 103 Hint\na: b\n\nHTTP/1.1 200 OK\nx: y\n z\ncontent-length: 12\n\n0123456789ab",
    `${OK}x: y\r\n z\r\ncontent-length: 12\r\n\n0123456789ab`,
    `${OK}\r\n0123456789ab`,
  ];
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.array(fc.nat(150), { maxLength: 40 }), (text, cuts) => {
      const bytes = Buffer.from(text, "latin1");
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const parts = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
      assert.equal(told(readParts(parts, { end: true })), told(read(text, { end: true })));
    }),
  );
});

test("any bytes give an answer, no answer yet, or `protocol`", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "HTTP/1.1 200 OK",
      "\r\n",
      "\r\n\r\n",
      "content-length: 3",
      "transfer-encoding: chunked",
      "0",
      "\n",
    ),
    fc.string({ unit: "binary-ascii", maxLength: 20 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        readParts(pieces.map((text) => Buffer.from(text, "latin1")));
      } catch (error) {
        assert.ok(error instanceof BrokenCall && error.kind === "protocol", String(error));
      }
    }),
  );
});
