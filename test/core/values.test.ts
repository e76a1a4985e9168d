/** Durations, names, statuses, options and tokens. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isAuthorized, requireToken } from "../../src/core/bearer-token.js";
import { formatDuration, parseDuration } from "../../src/core/duration.js";
import { HEALTH_ERROR_CODES, HealthError, HealthTypeError, messageOf } from "../../src/core/health-error.js";
import { MAX_TIMER_MS, milliseconds, wholeNumber } from "../../src/core/option.js";
import { isView, serviceNameFault } from "../../src/core/service-name.js";
import { isServingStatus } from "../../src/core/serving-status.js";

describe("a duration", () => {
  const good: readonly (readonly [unknown, number])[] = [
    ["500ms", 500],
    ["5s", 5000],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["1m30s", 90_000],
    ["1d", 86_400_000],
    ["1w2d", 777_600_000],
    ["0.5d", 43_200_000],
    ["52w1d", 31_536_000_000],
    ["1.5s", 1500],
    ["0s", 0],
    [250, 250],
    [0, 0],
  ];
  for (const [text, ms] of good) test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
  const bad = [
    "",
    "5",
    "5 s",
    " 5s",
    "-1s",
    "5parsecs",
    "1y",
    "1D",
    "1dd",
    "54w",
    "s",
    "1e3ms",
    "9000h",
    -1,
    Number.NaN,
    Infinity,
    1e12,
    null,
    undefined,
    {},
    true,
  ];
  for (const value of bad)
    test(`${JSON.stringify(value) ?? value} is not a duration`, () => assert.equal(parseDuration(value), undefined));

  test("is written in its shortest form, and read back", () => {
    for (const [ms, text] of [
      [0, "0ms"],
      [500, "500ms"],
      [5000, "5s"],
      [90_000, "1m30s"],
      [3_600_001, "1h1ms"],
    ] as const) {
      assert.equal(formatDuration(ms), text);
      assert.equal(parseDuration(text), ms);
    }
  });
});

describe("a service's name", () => {
  test("can be any short printable text", () => {
    for (const name of ["", "a.B", "__proto__", "é".repeat(100), "a b", "a/b"])
      assert.equal(serviceNameFault(name), undefined, name);
  });

  test("is refused with a reason otherwise", () => {
    const rows: readonly (readonly [unknown, RegExp])[] = [
      [null, /must be a string, not null/],
      [9, /must be a string, not number/],
      ["n".repeat(201), /at most 200 bytes/],
      ["é".repeat(101), /at most 200 bytes/],
      ["a\u0000", /control characters/],
      ["a\u0085", /control characters/],
      ["\ud800", /well-formed/],
      ["readiness", /reserved for the readiness view/],
    ];
    for (const [name, fault] of rows) assert.match(serviceNameFault(name) ?? "", fault);
  });

  test("three names are views", () => {
    assert.deepEqual(["liveness", "readiness", "startup", "", "Liveness"].map(isView), [
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

test("three words are serving statuses", () => {
  assert.deepEqual(["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN", "serving", 1, null].map(isServingStatus), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

describe("an option", () => {
  test("that counts must be a whole number from 1 on; without it the default applies", () => {
    assert.deepEqual([wholeNumber("a", undefined, 7), wholeNumber("a", 1, 7)], [7, 1]);
    for (const value of [0, -1, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => wholeNumber("maxWatchers", value, 7), {
        code: "INVALID_OPTION",
        message: /^maxWatchers must be a whole number from 1 on; got /,
      });
    }
  });

  test("that is a time must be at most what a timer can count", () => {
    assert.equal(milliseconds("a", MAX_TIMER_MS, 7), MAX_TIMER_MS);
    assert.throws(() => milliseconds("keepaliveTimeMs", MAX_TIMER_MS + 1, 7), {
      message: /from 1 to 2147483647; got 2147483648/,
    });
  });
});

describe("a token", () => {
  test("authorizes clients that send it; without a token every client is authorized", () => {
    assert.equal(isAuthorized("Bearer secret", "secret"), true);
    assert.equal(isAuthorized("bearer  secret ", "secret"), true);
    for (const header of [undefined, "", "secret", "Basic secret", "Bearer", "Bearer secrets", "Bearer secret x"]) {
      assert.equal(isAuthorized(header, "secret"), false, header);
    }
    assert.equal(isAuthorized(undefined, undefined), true);
  });

  test("must not be empty or contain spaces", () => {
    assert.deepEqual([requireToken(undefined), requireToken("a")], [undefined, "a"]);
    for (const token of ["", " ", "a b", "a\n"]) assert.throws(() => requireToken(token), { code: "INVALID_OPTION" });
  });
});

test("an error has a known code, a message and its cause", () => {
  const cause = new Error("underneath");
  const error = new HealthError("LISTEN_FAILED", "cannot listen", { cause });
  assert.deepEqual(
    [error.name, error.code, error.message, error.cause],
    ["HealthError", "LISTEN_FAILED", "cannot listen", cause],
  );
  assert.ok(error.code in HEALTH_ERROR_CODES);
  assert.ok(new HealthTypeError("INVALID_STATUS", "x") instanceof TypeError);
  assert.deepEqual([messageOf(error), messageOf("text"), messageOf(undefined)], ["cannot listen", "text", "undefined"]);
});
