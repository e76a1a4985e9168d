/** An invalid option is shown at its own line, and every one of a check is shown. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Health } from "../../src/index.js";
import { faultsOf } from "./reading.js";

/** A check whose options begin on line 4. */
const file = (target: string, ...options: readonly string[]) =>
  ["checks:", "  a:", `    target: ${target}`, ...options.map((each) => `    ${each}`)].join("\n");

describe("an invalid option is shown at its line", () => {
  for (const [target, options, expected] of [
    ["http://h/", ["method: a b"], [/^4:13: checks\.a\.method: must be a method of HTTP/]],
    ["http://h/", ["reuse: true", "method: HEAD", "body: x"], [/^6:11: checks\.a\.body: cannot be sent with/]],
    ["http://h/", ["headers:", "  te: trailers"], [/^5:11: checks\.a\.headers\.te: is set by healthbridge$/]],
    ["http://h/", ["headers: { x: y }", "tls: { verify: false }"], [/^5:10: checks\.a\.tls: is not .* https:\/\/$/]],
    [
      "http://h/",
      ["expect:", "  body: { matches: '(' }"],
      [/^5:24: checks\.a\.expect\.body\.matches: is not a valid RE2/],
    ],
    ["http://h/", ["expect:", "  json: { a..b: 1 }"], [/^5:21: checks\.a\.expect\.json\["a\.\.b"\]: is not a path/]],
    ["http://h/", ["expect:", "  answers: [a]"], [/^5:16: checks\.a\.expect\.answers: is not an expectation/]],
    [
      "https://h/",
      ["tls:", "  minVersion: 1.3", "  maxVersion: 1.2"],
      [/^6:19: checks\.a\.tls\.maxVersion: 1\.2 must not/],
    ],
    ["grpc://h:1", ["metadata:", "  grpc-x: y"], [/^5:15: checks\.a\.metadata\.grpc-x: is a name that gRPC/]],
    ["grpc://h:1", ["authority: a/b"], [/^4:16: checks\.a\.authority: must be HOST or HOST:PORT/]],
    [
      "tcp://h:1",
      ["dialogue:", "  - expect: x", "  - send: { hex: 0 }"],
      [/^6:15: checks\.a\.dialogue\[1\]\.send: must be/],
    ],
    ["udp://h:1", ["dialogue:", "  - send: x"], [/^5:7: checks\.a\.dialogue: has no expect/]],
    ["dns:h.test", ["expect:", "  answers: [x]"], [/^5:16: checks\.a\.expect\.answers: must be values of records/]],
    ["redis://u:p@h", ["password: x"], [/^4:15: checks\.a\.password: must not stand beside a target with a password/]],
    ["redis://h", ["maxConnectionAge: 2h"], [/^4:23: checks\.a\.maxConnectionAge: must be a duration above 0/]],
    ["redis://h", ["reuse: false", "maxConnectionAge: 1m"], [/^5:23: checks\.a\.maxConnectionAge: has no effect with/]],
    [
      "http://h/",
      ["auth:", "  clientId: a", "  clientSecret: b", "  tokenUrl: ftp://h"],
      [/^7:17: checks\.a\.auth\.tokenUrl: must be a URL of http/],
    ],
    // the option is not in the file
    ["udp://h:1", ["interval: 1m"], [/^3:5: checks\.a: dialogue is missing, and without an answer/]],
    // every fault
    [
      "http://h/",
      ["method: a b", "authority: x", "headers: { te: a, x: b }", "expect: { body: { matches: '(' }, status: 99 }"],
      [
        /^4:.*a\.method: must/,
        /^5:.*a\.authority: is not/,
        /^6:.*headers\.te: is/,
        /^7:.*body\.matches: /,
        /^7:.*status: /,
      ],
    ],
    [
      "tcp://h",
      ["reuse: true", "user: x"],
      [/^3:13: checks\.a\.target: .*a port is missing/, /^4:.*reuse/, /^5:.*user/],
    ],
  ] as const)
    test(`${target} with ${options.join(" ")}`, () => {
      const faults = faultsOf(file(target, ...options));
      assert.equal(faults.length, expected.length, faults.join("\n"));
      for (const [index, pattern] of expected.entries()) assert.match(faults[index] ?? "", pattern);
    });
});

test("the library names every invalid option of a check", () => {
  assert.throws(
    () =>
      new Health().check("a", "http://h/", {
        method: "a b",
        expect: { status: 99 },
        reuse: false,
        maxConnectionAge: "1m",
      }),
    {
      code: "INVALID_OPTION",
      message:
        /checks\.a\.expect\.status: must .*; checks\.a\.method: must .*; checks\.a\.maxConnectionAge: has no effect/,
    },
  );
});

test("values that only JavaScript can give are refused as options", () => {
  const check = (target: string, options: object) => new Health().check("a", target, options);
  for (const [target, options, expected] of [
    ["http://h/", { headers: { "x-token": 5 } }, /checks\.a\.headers\.x-token: must be text/],
    ["https://h/", { tls: { warnBefore: "soon" } }, /checks\.a\.tls\.warnBefore: must be a duration/],
    ["https://h/", { tls: { warnBefore: -1 } }, /checks\.a\.tls\.warnBefore: must be a duration/],
    ["https://h/", { tls: { verify: "no" } }, /checks\.a\.tls\.verify: must be true or false/],
    ["redis://h", { reuse: "no" }, /checks\.a\.reuse: must be true or false/],
  ] as const)
    assert.throws(() => check(target, options), { code: "INVALID_OPTION", message: expected }, String(expected));
});
