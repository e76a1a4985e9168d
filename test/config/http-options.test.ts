/** The options of HTTP targets in a configuration file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "./reading.js";

const file = (options: string) => `checks:\n  a: { target: "http://a/", ${options} }\n`;

for (const [options, expected] of [
  [
    'expect: { headers: { via: { match: "x" } } }',
    /checks\.a\.expect\.headers\.via\.match: unknown key; known: matches/,
  ],
  ["expect: { headers: { via: [a] } }", /checks\.a\.expect\.headers\.via: must be text, not a list/],
  ["http2: yes please", /checks\.a\.http2: must be true, false or prior-knowledge; got "yes please"/],
  ["http2: true", /checks\.a\.http2: must be prior-knowledge for a target without TLS/],
  ["followRedirects: true", /checks\.a\.followRedirects: must be same-origin; got true/],
  ["auth: { clientId: a, tokenUrl: http://b/ }", /checks\.a\.auth.*clientSecret.*is missing/],
  ["auth: { clientId: a, clientSecret: s3cret, tokenUrl: b }", /checks\.a\.auth\.tokenUrl: must be a URL/],
  [
    "auth: { clientId: a, clientSecret: s3cret, tokenUrl: http://b/, scopes: { x: y } }",
    /checks\.a\.auth\.scopes: must be a list/,
  ],
  ["method: HEAD, body: x", /checks\.a\.body: cannot be sent with the method HEAD/],
] as const)
  test(`${options} is refused`, () =>
    assert.throws(
      () => parseConfig("file", file(options), {}),
      (error) => error instanceof Error && expected.test(error.message) && !error.message.includes("s3cret"),
    ));

test("the options of a file are those of the library", () => {
  const text = file(
    'method: POST, body: "x", http2: prior-knowledge, followRedirects: same-origin, expect: { headers: { a: null, b: { matches: c } } },' +
      " auth: { clientId: a, clientSecret: b, tokenUrl: http://b/, scopes: [c], audience: d, method: client_secret_post }",
  );
  const [check] = parseConfig("file", text, {}).checks;
  assert.deepEqual(check?.options.auth, {
    clientId: "a",
    clientSecret: "b",
    tokenUrl: "http://b/",
    scopes: ["c"],
    audience: "d",
    method: "client_secret_post",
  });
  assert.deepEqual(check?.options.expect, { headers: { a: null, b: { matches: "c" } } });
  const { method, body, http2, followRedirects } = check?.options ?? {};
  assert.deepEqual([method, body, http2, followRedirects], ["POST", "x", "prior-knowledge", "same-origin"]);
});
