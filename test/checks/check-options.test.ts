/** Options of a check are split into its settings and the options of its prober, and invalid ones are left out. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CheckOptions, splitOptions, withoutOption } from "../../src/checks/check-options.js";
import type { Path } from "../../src/core/option-error.js";
import type { ProberOptions } from "../../src/probers/options.js";

describe("the options of a check", () => {
  test("are its own settings, and those of its prober", () => {
    const options: CheckOptions = { interval: "5s", user: "u", expect: { maxLatency: "1s", status: 204 } };
    assert.deepEqual(splitOptions(options), {
      settings: { interval: "5s", maxLatency: "1s" },
      proberOptions: { user: "u", expect: { status: 204 } },
    });
  });

  test("have no expectation of the prober if the latency is all that is expected", () => {
    const expect = { maxLatency: "1s", status: undefined, body: undefined };
    assert.deepEqual(splitOptions({ expect }), { settings: { maxLatency: "1s" }, proberOptions: {} });
  });

  test("that are undefined are not given to a prober", () => {
    assert.deepEqual(splitOptions({ user: undefined, tls: undefined }).proberOptions, {});
    assert.deepEqual(splitOptions({}), { settings: { maxLatency: undefined }, proberOptions: {} });
  });
});

describe("without an option", () => {
  const options: ProberOptions = { user: "u", expect: { status: [200, 204], body: "ok" }, dialogue: [{ send: "x" }] };
  const rows: readonly (readonly [label: string, path: Path, rest: ProberOptions | undefined])[] = [
    ["the others are left", ["user"], { expect: options.expect, dialogue: options.dialogue }],
    ["of a table, the rest of the table is left", ["expect", "body"], { ...options, expect: { status: [200, 204] } }],
    [
      "of a list in a table, the whole list is left out",
      ["expect", "status", 1],
      { ...options, expect: { body: "ok" } },
    ],
    ["of a list, the whole list is left out", ["dialogue", 0, "send"], { user: "u", expect: options.expect }],
    ["that a table lacks, the table is left out", ["expect", "json"], { user: "u", dialogue: options.dialogue }],
    ["of a text, the text is left out", ["user", "length"], { expect: options.expect, dialogue: options.dialogue }],
    ["that is not there, nothing is left", ["password"], undefined],
    ["without a name, nothing is left", [], undefined],
  ];
  for (const [label, path, rest] of rows) test(label, () => assert.deepEqual(withoutOption(options, path), rest));

  test("that is null instead of a table, the others are left", () => {
    assert.deepEqual(Reflect.apply(withoutOption, undefined, [{ user: "u", tls: null }, ["tls", "ca"]]), { user: "u" });
  });
});
