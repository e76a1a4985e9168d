/** Content codings and charsets of HTTP responses. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { decodeContent, textOf } from "../../src/client/http-content.js";
import type { HttpResponse } from "../../src/client/http-response.js";
import { startCpuTime } from "../support/stopwatch.js";

const MOST = 65_536;

const response = (body: Buffer, headers: Record<string, string>, isCut = false): HttpResponse => ({
  status: 200,
  headers: new Map(Object.entries(headers)),
  body,
  isCut,
  isReusable: true,
});

const decoded = (body: Buffer, coding: string, isCut = false) =>
  decodeContent(response(body, { "content-encoding": coding }, isCut), MOST);

const ENCODERS = {
  gzip: gzipSync,
  "x-gzip": gzipSync,
  GZIP: gzipSync,
  deflate: deflateSync,
  "identity, deflate": deflateRawSync,
  br: brotliCompressSync,
} as const;

describe("one content coding is decoded", () => {
  for (const [coding, encode] of Object.entries(ENCODERS)) {
    test(`${coding}: a short body`, async () => {
      const { body, isCut, bodyFault } = await decoded(encode("all is well"), coding);
      assert.deepEqual([body.toString(), isCut, bodyFault], ["all is well", false, undefined]);
    });

    test(`${coding}: exactly the limit is complete; one byte more is cut`, async () => {
      for (const more of [0, 1]) {
        const { body, isCut } = await decoded(encode(`${"x".repeat(MOST - 3)}end${"y".repeat(more)}`), coding);
        assert.deepEqual([body.length, isCut, body.subarray(-3).toString()], [MOST, more === 1, "end"]);
      }
    });

    test(`${coding}: of a bomb, the first 64 KiB are decoded`, async () => {
      const bomb = encode(Buffer.alloc(50_000_000));
      const before = process.memoryUsage.rss();
      const cpuMs = startCpuTime();
      const { body, isCut } = await decoded(bomb.subarray(0, MOST), coding, bomb.length > MOST);
      assert.deepEqual([body.length, isCut], [MOST, true]);
      assert.ok(cpuMs() < 1_000);
      assert.ok(process.memoryUsage.rss() - before < 40_000_000);
    });

    test(`${coding}: a body that is not complete or not valid is a fault`, async () => {
      const whole = encode("all is well, all is well, all is well");
      for (const body of [whole.subarray(0, -4), Buffer.from("all is well")]) {
        const { bodyFault } = await decoded(body, coding);
        assert.match(bodyFault ?? "", /^the body is not valid/);
      }
    });
  }
});

test("a body that was cut is decoded as far as it goes", async () => {
  const text = Array.from({ length: 30_000 }, (_, index) => String(index ** 5)).join(" ");
  for (const [coding, encode] of Object.entries(ENCODERS)) {
    const { body, isCut, bodyFault } = await decoded(encode(text).subarray(0, 10_000), coding, true);
    assert.deepEqual([isCut, bodyFault], [true, undefined], coding);
    assert.ok(body.length > 5_000 && text.startsWith(body.toString()), coding);
  }
});

for (const coding of ["zstd", "compress", "gzip, gzip", "gzip, br", "constructor"])
  test(`the coding ${coding} is a fault that names it`, async () => {
    const { bodyFault } = await decoded(gzipSync(gzipSync("x")), coding);
    assert.equal(bodyFault, `the body cannot be decoded: its content coding is ${coding}`);
  });

test("without a coding, and without a body, nothing is decoded", async () => {
  for (const coding of ["", "identity", "identity, identity", "none", "None"]) {
    const { body, bodyFault } = await decoded(Buffer.from("plain"), coding);
    assert.deepEqual([body.toString(), bodyFault], ["plain", undefined], coding);
  }
  assert.equal((await decoded(Buffer.alloc(0), "gzip")).bodyFault, undefined);
});

test("a coding of the transfer counts like one of the content", async () => {
  const given = response(gzipSync("well"), { "transfer-encoding": "gzip, chunked" });
  assert.equal((await decodeContent(given, MOST)).body.toString(), "well");
  const both = response(gzipSync("well"), { "transfer-encoding": "gzip, chunked", "content-encoding": "br" });
  assert.match((await decodeContent(both, MOST)).bodyFault ?? "", /br, gzip/);
});

describe("the text of a body", () => {
  const rows: readonly (readonly [
    label: string,
    bytes: readonly number[],
    contentType: string | undefined,
    text: string,
  ])[] = [
    ["UTF-8 without a charset", [0x67, 0xc3, 0xbc], undefined, "gü"],
    ["UTF-8 with a byte order mark", [0xef, 0xbb, 0xbf, 0x67], "application/json", "g"],
    ["ISO-8859-1", [0x67, 0xfc], "text/plain; charset=ISO-8859-1", "gü"],
    ["ISO-8859-1 means windows-1252", [0x80, 0x9f, 0x81], "text/plain; charset=iso-8859-1", "€Ÿ\x81"],
    ["windows-1252 in quotation marks", [0x93, 0x94], 'text/html;Charset="Windows-1252"; x=y', "“”"],
    ["windows-1250", [0x8a, 0xe8], "text/plain; charset=windows-1250", "Šč"],
    ["windows-1251", [0xc4, 0xe0], "text/plain; charset=windows-1251", "Да"],
    ["ISO-8859-15", [0xa4], "text/plain; charset=iso-8859-15", "€"],
    ["UTF-16 with a mark, big-endian", [0xfe, 0xff, 0x00, 0x67], "text/plain; charset=utf-16", "g"],
    ["UTF-16 with a mark, little-endian", [0xff, 0xfe, 0x67, 0x00], undefined, "g"],
    ["UTF-16BE without a mark", [0x00, 0x67], "text/plain; charset=utf-16be", "g"],
    ["UTF-16LE without a mark", [0x67, 0x00], "text/plain; charset=UTF-16LE", "g"],
    ["a mark overrides the charset", [0xef, 0xbb, 0xbf, 0xc3, 0xbc], "text/plain; charset=iso-8859-1", "ü"],
    ["Shift_JIS", [0x82, 0xa0], "text/plain; charset=shift_jis", "あ"],
    ["an unknown charset is read as UTF-8", [0xc3, 0xbc], "text/plain; charset=klingon", "ü"],
    ["an empty charset is read as UTF-8", [0xc3, 0xbc], "text/plain; charset=", "ü"],
    ["invalid UTF-8 has replacement characters", [0x67, 0xff], undefined, "g\ufffd"],
  ];
  for (const [label, bytes, contentType, text] of rows)
    test(label, () => {
      const headers = contentType === undefined ? {} : { "content-type": contentType };
      assert.equal(textOf(response(Buffer.from(bytes), headers)), text);
    });
});
