import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HttpResponse } from "../../src/client/http-response.js";
import { HealthError } from "../../src/core/health-error.js";
import { compileExpectation } from "../../src/probers/expectation.js";
import type { Expectation } from "../../src/probers/options.js";

interface Rest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly isCut?: boolean;
}

const answer = (status: number, body = "", { headers = {}, isCut = false }: Rest = {}): HttpResponse => ({
  status,
  body: Buffer.from(body),
  headers: new Map(Object.entries(headers)),
  isCut,
  isReusable: true,
});

/** `pass`, or the reason and the detail. */
function resultOf(expect: Expectation | undefined, given: HttpResponse): string {
  const { reason, detail } = compileExpectation(expect).evaluate(given);
  return reason === undefined ? "pass" : `${reason}: ${detail}`;
}

describe("the status [A123]", () => {
  for (const [expect, status, expected] of [
    [undefined, 200, "pass"],
    [undefined, 299, "pass"],
    [undefined, 301, "redirect: HTTP status 301, expected 200-299"],
    [undefined, 404, "status: HTTP status 404, expected 200-299"],
    [[401], 401, "pass"],
    [[401], 200, "status: HTTP status 200, expected 401"],
    [["200-299", 302, "404"], 302, "pass"],
    [["200-299", 302, "404"], 404, "pass"],
    [["200-299", 302, "404"], 303, "redirect: HTTP status 303, expected 200-299, 302, 404"],
    [["500-500"], 500, "pass"],
  ] as const)
    test(`${status}, expected ${expect?.join(", ") ?? "nothing"}`, () =>
      assert.equal(resultOf({ status: expect }, answer(status)), expected));
});

describe("headers", () => {
  for (const [expect, headers, expected] of [
    [{ "X-State": "up" }, { "x-state": "up" }, "pass"],
    [{ "x-state": " up " }, { "x-state": "up" }, "pass"],
    [{ "x-state": "up" }, { "x-state": "Up" }, 'header: header x-state is "Up", expected "up"'],
    [{ "x-state": "up" }, {}, 'header: header x-state is null, expected "up"'],
    [{ "x-state": "" }, {}, 'header: header x-state is null, expected ""'],
    [{ a: "1", b: "2" }, { a: "1", b: "3" }, 'header: header b is "3", expected "2"'],
    // absence
    [{ "x-debug": null }, {}, "pass"],
    [{ "x-debug": null }, { "x-debug": "" }, 'header: header x-debug is "", expected no such header'],
    // lists, and repeated fields, which are joined by commas
    [{ "x-state": "up" }, { "x-state": "down, up" }, "pass"],
    [{ "x-state": "up" }, { "x-state": "down,up" }, "pass"],
    [
      { "x-state": "up" },
      { "x-state": "downup, up-down" },
      'header: header x-state is "downup, up-down", expected "up"',
    ],
    [{ "cache-control": "no-store" }, { "cache-control": "max-age=0, no-store" }, "pass"],
    [{ "cache-control": "a, b" }, { "cache-control": "x,a,b" }, "pass"],
    [{ "set-cookie": "b=2; Expires=Wed, 21 Oct 2026" }, { "set-cookie": "a=1\nb=2; Expires=Wed, 21 Oct 2026" }, "pass"],
    [
      { "set-cookie": { matches: "^b=.*HttpOnly$" } },
      { "set-cookie": "a=1; Expires=Wed, 21 Oct 2026\nb=2; Expires=Wed, 21 Oct 2026; HttpOnly" },
      "pass",
    ],
    [
      { "set-cookie": "21 Oct 2026" },
      { "set-cookie": "a=1; Expires=Wed, 21 Oct 2026" },
      'header: header set-cookie is "a=1; Expires=Wed, 21 Oct 2026", expected "21 Oct 2026"',
    ],
    [{ etag: '"a"' }, { etag: '"b, a"' }, 'header: header etag is "\\"b, a\\"", expected "\\"a\\""'],
    // media types
    [{ "content-type": "text/plain" }, { "content-type": "text/plain; charset=utf-8" }, "pass"],
    [{ "content-type": "text/plain" }, { "content-type": "Text/Plain;charset=utf-8" }, "pass"],
    [{ "content-type": "text/plain;charset=utf-8" }, { "content-type": 'text/plain; charset="UTF-8"; a=b' }, "pass"],
    [
      { "content-type": "text/plain; charset=utf-8" },
      { "content-type": "text/plain" },
      'header: header content-type is "text/plain", expected "text/plain; charset=utf-8"',
    ],
    [
      { "content-type": "text/plain" },
      { "content-type": "text/plain2; charset=utf-8" },
      'header: header content-type is "text/plain2; charset=utf-8", expected "text/plain"',
    ],
    // patterns
    [{ server: { matches: "^nginx/1\\.(2|3)" } }, { server: "nginx/1.25" }, "pass"],
    [{ via: { matches: "^proxy-b$" } }, { via: "proxy-a, proxy-b" }, "pass"],
    [{ server: { matches: "x" } }, { server: "nginy" }, 'header: header server is "nginy", expected the pattern x'],
    [{ server: { matches: "" } }, {}, "header: header server is null, expected the pattern "],
  ] as const)
    test(`${JSON.stringify(headers)}, expected ${JSON.stringify(expect)}`, () =>
      assert.equal(resultOf({ headers: expect }, answer(200, "", { headers })), expected));
});

describe("the body", () => {
  for (const [expect, body, expected] of [
    ["OK", "all is OK here", "pass"],
    ["OK", "ok", 'body: text "OK" not found in the body'],
    ["grün", "alles grün", "pass"],
    ["a.c", "abc", 'body: text "a.c" not found in the body'],
    [{ matches: "^(?i)ok$" }, "Ok", "pass"],
    [{ matches: '"status":\\s*"(up|ok)"' }, '{"status": "up"}', "pass"],
    [{ matches: "^OK$" }, "OK!", "body: pattern ^OK$ not found in the body"],
  ] as const)
    test(`${JSON.stringify(body)}, expected ${JSON.stringify(expect)}`, () =>
      assert.equal(resultOf({ body: expect }, answer(200, body)), expected));

  test("only the part within the limit counts, and the failure says so [A125]", () => {
    const cut = answer(200, "x".repeat(65_536), { isCut: true });
    assert.equal(resultOf({ body: "y" }, cut), 'body: text "y" not found in first 65536 bytes');
    assert.equal(resultOf({ body: "xx" }, cut), "pass");
  });

  test("a pattern that would take other engines for ever is matched quickly", () => {
    const body = "a".repeat(65_536);
    assert.match(resultOf({ body: { matches: "^(a+)+$" } }, answer(200, body)), /^pass$/);
    assert.match(resultOf({ body: { matches: "^(a+)+b$" } }, answer(200, body)), /^body: /);
  });
});

describe("values in JSON", () => {
  const body = JSON.stringify({
    status: "up",
    count: 3,
    ok: true,
    none: null,
    checks: { db: { ok: false } },
    items: [{ name: "a" }, { name: "b" }],
    "a.b": { c: 1 },
    toString: "mine",
  });
  for (const [expect, expected] of [
    [{ status: "up", count: 3, ok: true, none: null }, "pass"],
    [{ "checks.db.ok": false }, "pass"],
    [{ "items[1].name": "b" }, "pass"],
    [{ '["a.b"].c': 1 }, "pass"],
    [{ toString: "mine" }, "pass"],
    [{ status: "down" }, 'json: status is "up", expected "down"'],
    [{ count: "3" }, 'json: count is 3, expected "3"'],
    [{ "items[2].name": "c" }, 'json: items[2].name is missing, expected "c"'],
    [{ "checks.cache.ok": true }, "json: checks.cache.ok is missing, expected true"],
    [{ "status.length": 2 }, "json: status.length is missing, expected 2"],
    [{ constructor: "x" }, 'json: constructor is missing, expected "x"'],
    [{ "checks.__proto__.__proto__": null }, "json: checks.__proto__.__proto__ is missing, expected null"],
    [{ "__proto__.x": "y" }, 'json: __proto__.x is missing, expected "y"'],
    [{ checks: null }, 'json: checks is {"db":{"ok":false}}, expected null'],
  ] as const)
    test(`${JSON.stringify(expect)}: ${expected}`, () =>
      assert.equal(resultOf({ json: expect }, answer(200, body)), expected));

  test("a list at the root is addressed by its index", () =>
    assert.equal(resultOf({ json: { "[0].ok": true } }, answer(200, '[{"ok":true}]')), "pass"));

  test("a text that is not JSON, or is incomplete, has no values", () => {
    assert.equal(resultOf({ json: { a: 1 } }, answer(200, "<html>")), "json: the body is not JSON");
    assert.equal(resultOf({ json: { a: 1 } }, answer(200, "")), "json: the body is not JSON");
    assert.equal(resultOf({ json: { a: 1 } }, answer(200, '"a"')), "json: a is missing, expected 1");
    const cut = answer(200, '{"a":1}', { isCut: true });
    assert.equal(resultOf({ json: { a: 1 } }, cut), "json: the body is longer than 7 bytes");
  });
});

test("the first mismatch is reported, in the order status, headers, body, JSON", () => {
  const expect = { status: [200], headers: { a: "b" }, body: "c", json: { d: 1 } };
  assert.match(resultOf(expect, answer(500)), /^status: /);
  assert.match(resultOf(expect, answer(200)), /^header: /);
  assert.match(resultOf(expect, answer(200, "", { headers: { a: "b" } })), /^body: /);
  assert.match(resultOf(expect, answer(200, "c", { headers: { a: "b" } })), /^json: /);
});

describe("an invalid expectation is refused when the check is declared", () => {
  const rows: readonly (readonly [label: string, expect: Expectation, message: RegExp])[] = [
    ["a status that is none", { status: [99] }, /expect\.status .*got 99$/],
    ["a range upside down", { status: ["300-200"] }, /expect\.status .*got "300-200"$/],
    ["a word for a status", { status: ["2xx"] }, /expect\.status .*got "2xx"$/],
    ["no status at all", { status: [] }, /expect\.status must name at least one/],
    [
      "a pattern that is none",
      { body: { matches: "(" } },
      /expect\.body\.matches is not a valid RE2 regular expression: .*missing/,
    ],
    [
      "a pattern that RE2 has not",
      { body: { matches: "(?=a)" } },
      /expect\.body\.matches is not a valid RE2 regular expression/,
    ],
    [
      "a pattern of a header that is none",
      { headers: { via: { matches: "(" } } },
      /expect\.headers\.via\.matches is not a valid RE2 regular expression/,
    ],
    ["a pattern that is too large", { body: { matches: "(\\w{10} ){40}" } }, /expect\.body\.matches is too large/],
    ["an empty path", { json: { "": 1 } }, /expect\.json\[""\] is not a path/],
    ["a path that ends with a dot", { json: { "a.": 1 } }, /is not a path/],
    ["a path with two dots", { json: { "a..b": 1 } }, /is not a path/],
    ["an index that is none", { json: { "a[x]": 1 } }, /is not a path/],
    ["an open bracket", { json: { "a[0": 1 } }, /is not a path/],
    ["a step without its dot", { json: { "a[0]b": 1 } }, /is not a path/],
    [
      "a name of a header that is none",
      { headers: { "a b": "c" } },
      /expect\.headers\["a b"\] is not a valid name of a header/,
    ],
  ];
  for (const [label, expect, message] of rows)
    test(label, () =>
      assert.throws(
        () => compileExpectation(expect),
        (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && message.test(error.message),
      ),
    );
});
