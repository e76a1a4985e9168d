/**
 * Errors about options and targets say what would be right.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Health } from "../../src/index.js";

/** The error of a check that is declared with options as JavaScript can give them. */
function errorOf(target: string, options: object): string {
  const health = new Health();
  try {
    health.check("a", target, options);
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  } finally {
    void health.shutdown();
  }
  return "none";
}

describe("an option that a target does not take", () => {
  const cases: readonly (readonly [target: string, options: object, expected: RegExp])[] = [
    ["http://h/", { tls: {} }, /\.tls: is not an option of this scheme; .*; for TLS use https:\/\/$/],
    ["redis://h", { tls: {} }, /\.tls: is not an option of this scheme; .*; for TLS use rediss:\/\/$/],
    ["ws://h", { tls: {} }, /\.tls: is not an option of this scheme; .*; for TLS use wss:\/\/$/],
    ["grpc://h:1", { tls: {} }, /\.tls: is not an option of this scheme; .*; for TLS use grpcs:\/\/$/],
    ["grpc://h:1", { headers: { a: "b" } }, /\.headers: is not an option of this scheme; .*; did you mean metadata\?$/],
    ["http://h/", { metadata: { a: "b" } }, /\.metadata: is not an option of this scheme; .*; did you mean headers\?$/],
    ["https://h/", { tls: { caFile: "/ca.pem" } }, /tls\.caFile: is not an option of tls; in the library it is ca, /],
    [
      "https://h/",
      { tls: { certFile: "/c.pem" } },
      /tls\.certFile: is not an option of tls; in the library it is cert, /,
    ],
    [
      "rediss://h",
      { tls: { warnBeforeMs: 5 } },
      /tls\.warnBeforeMs: is not an option of tls; in the library it is warnBefore, a/,
    ],
    ["grpcs://h:1", { tls: { servername: "x" } }, /tls\.servername: is not an option of tls; it takes ca, cert, /],
    ["http://h/", { header: { a: "b" } }, /a\.header: unknown option; did you mean headers\?$/],
    ["tcp://h:1", { intervall: "5s" }, /a\.intervall: unknown option; did you mean interval\?$/],
    ["http://h/", { expected: 1 }, /a\.expected: unknown option; did you mean expect\?$/],
  ];
  for (const [target, options, expected] of cases) {
    test(`${target} with ${JSON.stringify(options)} is refused`, () => {
      assert.match(errorOf(target, options), expected);
    });
  }
});

describe("a password that the URL cannot have", () => {
  for (const target of ["redis://:p#ss@h", "amqp://u:p/w@h", "postgres://u:p?w@h/db", "rediss://u:#x@h"]) {
    test(`${target}: the error says how it is written, and does not show it`, () => {
      const message = errorOf(target, {});
      assert.match(message, /%23/);
      assert.match(message, /the option password$/);
      assert.doesNotMatch(message, /p#ss|p\/w|p\?w|#x@/);
    });
  }
});

test("expect.status of the library is one status, or a list", () => {
  for (const status of [200, "200-299", [204], [200, "300-302"]])
    assert.equal(errorOf("http://127.0.0.1:1/", { expect: { status } }), "none");
  assert.match(errorOf("http://h/", { expect: { status: "2xx" } }), /such as 204 or "200-299"; got "2xx"/);
});
