/** The protocol of a connection, by its first bytes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { guessProtocol, type ProtocolGuess } from "../../src/listener/sniff-protocol.js";
import { PREFACE } from "../support/raw-http2.js";

describe("the first bytes of a connection", () => {
  const rows: readonly (readonly [string, Uint8Array, ProtocolGuess])[] = [
    ["none decide nothing", Buffer.alloc(0), "undecided"],
    ["a whole preface is HTTP/2", PREFACE, "http2"],
    ["a preface and the frames behind it are HTTP/2", Buffer.concat([PREFACE, Buffer.alloc(100)]), "http2"],
    ["bytes of a plain array are read like a buffer's", new Uint8Array(PREFACE), "http2"],
    ["GET is HTTP/1", Buffer.from("GET / HTTP/1.1\r\n"), "http1"],
    ["one letter that no preface begins with is HTTP/1", Buffer.from("G"), "http1"],
    ["POST, PUT and PATCH are HTTP/1 from their second letter on", Buffer.from("PO"), "http1"],
    ["PRI with another version is HTTP/1's to refuse", Buffer.from("PRI * HTTP/2.1\r\n"), "http1"],
    ["a preface in lower case is HTTP/1's to refuse", Buffer.from("pri * http/2.0"), "http1"],
    [
      "a preface that breaks in its last byte is HTTP/1's to refuse",
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"),
      "http1",
    ],
    ["a TLS handshake is TLS", Buffer.from([0x16, 0x03, 0x01]), "tls"],
    ["one byte of a TLS handshake is TLS", Buffer.from([0x16]), "tls"],
    ["other binary bytes are HTTP/1's to refuse", Buffer.from([0, 0x16]), "http1"],
    ["a PROXY line is HTTP/1's to refuse", Buffer.from("PROXY TCP4 1.2.3.4"), "http1"],
  ];
  for (const [label, bytes, guess] of rows) test(label, () => assert.equal(guessProtocol(bytes), guess));

  test("a preface is undecided until its last byte, wherever it is cut [A86]", () => {
    for (let length = 1; length < PREFACE.length; length += 1) {
      assert.equal(guessProtocol(PREFACE.subarray(0, length)), "undecided", `${length} bytes`);
    }
  });

  test("a preface with one wrong byte is not HTTP/2", () => {
    for (let at = 0; at < PREFACE.length; at += 1) {
      const broken = Buffer.from(PREFACE);
      broken[at] = 0x7e;
      assert.equal(guessProtocol(broken), "http1", `byte ${at}`);
      assert.equal(guessProtocol(broken.subarray(0, at + 1)), "http1", `byte ${at}, as soon as it came`);
    }
  });
});
