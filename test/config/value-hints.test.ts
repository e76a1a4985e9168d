/** What an error says about values that `${...}` stands for: which one, what to do, and never the value. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf } from "./reading.js";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is what a file contains
describe("an invalid URL names the values that it contains", () => {
  for (const [target, environment, names] of [
    ["http://h/${P}", { P: "hunt#er2" }, "${P}"],
    ["http://h/?t=${P}", { P: "hunt#er2" }, "${P}"],
    ["tcp://${H}:1", { H: "hunt/er2" }, "${H}"],
    ["tcp://${H}:${P:-hunter2}", { H: "h" }, "${H} and ${P}"],
    ["redis://u:${W}@h/${D}", { W: "x", D: "hunt er2" }, "${W} and ${D}"],
    ["${URL}", { URL: "redis://u:hunt#er2@h" }, "${URL}"],
    ["http://h/${P}", { P: "hunt\ner2" }, "${P}"],
  ] as const)
    test(`${target} with ${JSON.stringify(environment)}`, () => {
      const [fault = "", ...others] = faultsOf(`checks: { a: '${target}' }`, environment);
      assert.deepEqual(others, []);
      assert.ok(fault.includes(`; ${names}: only in the user info is a value percent-encoded`), fault);
      assert.doesNotMatch(fault, /hunt|er2/);
    });

  test("one without values does not", () => {
    assert.doesNotMatch(faultsOf("checks: { a: 'tcp://h/x' }").join(), /percent-encoded/);
    assert.doesNotMatch(faultsOf("checks: { a: 'tcp://h/$$x' }").join(), /percent-encoded/);
  });
});

describe("keys of YAML", () => {
  for (const [text, expected] of [
    ["x-a: 1\nx-a: 2\nchecks: { a: tcp://h:1 }", ["2:1: x-a: keys must be unique; the first one is at 1:1"]],
    [
      "checks: { a: { target: tcp://h:1, x-b: 1, x-b: 2 } }",
      ["1:43: checks.a.x-b: keys must be unique; the first one is at 1:35"],
    ],
    ["x-k: &k a\nchecks: { *k : tcp://h:1 }", []],
    ["x-k: &k 1.10\nchecks: { *k : tcp://h:1 }\noverall: [1.10]", []],
    [
      "x-k: &k a\nchecks: { a: tcp://h:1, *k : tcp://h:1 }",
      ["2:25: checks.a: keys must be unique; the first one is at 2:11"],
    ],
    ["x-k: &k [a]\nchecks: { *k : tcp://h:1 }", ["2:11: checks: a key must be text"]],
    ["checks: { *k : tcp://h:1 }", ["1:11: checks: alias not found: *k"]],
  ] as const)
    test(text, () => assert.deepEqual(faultsOf(text), expected));
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is what a file contains
