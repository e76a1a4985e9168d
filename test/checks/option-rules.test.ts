/** Which option which kind of check takes, and where an error of it points. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CheckDeclaration,
  type CheckSource,
  isSameReporting,
  isSameSource,
} from "../../src/checks/declarations.js";
import { ownersIn } from "../../src/checks/name-rules.js";
import { checkOptions } from "../../src/checks/option-rules.js";
import { formatPath } from "../../src/core/option-error.js";

const TARGET: CheckSource = { kind: "target", url: "tcp://h:1" };
const FLOWER: CheckSource = { kind: "target", url: "flower+http://h:1" };
const EXEC: CheckSource = { kind: "exec", command: ["true"] };
const FUNCTION: CheckSource = { kind: "function", call: () => true };
const HEARTBEAT: CheckSource = { kind: "heartbeat", ttl: "1m", token: "t" };

// as a caller without types may write them
for (const [label, source, options, expected] of [
  ["a target without options", TARGET, {}, []],
  ["forgetAfter of a target", TARGET, { forgetAfter: "1m" }, ["checks.c.forgetAfter: only a target of flower+http or"]],
  ["forgetAfter of Flower", FLOWER, { forgetAfter: "1m" }, []],
  ["a misspelt option", TARGET, { intervall: "1m" }, ["checks.c.intervall: unknown option; did you mean interval?"]],
  [
    "a misspelt maxLatency, which belongs into expect",
    TARGET,
    { maxLatencyy: 1 },
    ["checks.c.maxLatencyy: unknown option"],
  ],
  [
    "a maxLatency that is no duration",
    TARGET,
    { expect: { maxLatency: "x" } },
    ["checks.c.expect.maxLatency: must be"],
  ],
  ["an interval that is no duration", TARGET, { interval: "x" }, ["checks.c.interval: must be a duration"]],
  ["a program without a name", { kind: "exec", command: [] }, {}, ["checks.c.exec: must name a program"]],
  ["headers of a program", EXEC, { headers: {} }, ["checks.c.headers: a program has no such option"]],
  ["forgetAfter of a program", EXEC, { forgetAfter: "1m" }, ["checks.c.forgetAfter: a program has no such option"]],
  [
    "a status of a program",
    EXEC,
    { expect: { status: 200 } },
    ["checks.c.expect.status: a program has no such expect"],
  ],
  ["warn of a program", EXEC, { expect: { warn: 1 } }, []],
  ["warn 0 of a program", EXEC, { expect: { warn: 0 } }, ["checks.c.expect.warn: must not have exit code 0"]],
  ["headers of a function", FUNCTION, { headers: {} }, ["checks.c.headers: a function has no such option"]],
  [
    "forgetAfter of a function",
    FUNCTION,
    { forgetAfter: "1m" },
    ["checks.c.forgetAfter: a function has no such option"],
  ],
  ["a timeout of a heartbeat", HEARTBEAT, { timeout: "1s" }, ["checks.c.timeout: a heartbeat has no such option"]],
  [
    "an unknown option of a heartbeat",
    HEARTBEAT,
    { intervall: 1 },
    ["checks.c.intervall: a heartbeat has no such option"],
  ],
  ["thresholds of a heartbeat", HEARTBEAT, { unhealthyThreshold: 2, healthyThreshold: 2 }, []],
  ["a ttl of zero", { ...HEARTBEAT, ttl: 0 }, {}, ["checks.c.heartbeat.ttl: must be a duration above zero"]],
  ["a token of two words", { ...HEARTBEAT, token: "a b" }, {}, ["checks.c.heartbeat.token: must be one word"]],
  ["no token", { ...HEARTBEAT, token: undefined }, {}, []],
] as readonly (readonly [string, CheckSource, CheckDeclaration["options"], readonly string[]])[])
  test(`${label}: ${expected.length === 0 ? "accepted" : "refused at its place"}`, () => {
    const { violations } = checkOptions({ name: "c", source, options });
    const texts = violations.map(({ path, text }) => `${formatPath(path)}: ${text}`);
    assert.equal(texts.length, expected.length, texts.join("; "));
    for (const [index, text] of texts.entries()) assert.ok(text.startsWith(expected[index] ?? "-"), text);
    assert.doesNotMatch(texts.join(), /did you mean maxLatency/);
    for (const { code } of violations) assert.equal(code, "INVALID_OPTION");
  });

test("an option that is unknown is told with the nearest one, or with those that there are", () => {
  const textOf = (source: CheckSource, options: object) =>
    checkOptions({ name: "c", source, options }).violations.map(({ text }) => text);
  assert.deepEqual(textOf(TARGET, { zzzzzzzz: 1 }), ["unknown option"]);
  assert.deepEqual(textOf(TARGET, { intervall: 1 }), ["unknown option; did you mean interval?"]);
  assert.deepEqual(textOf(HEARTBEAT, { timeout: "1s" }), [
    "a heartbeat has no such option; it takes critical, services, unhealthyThreshold, healthyThreshold, staleAfter, startup, initialState, group",
  ]);
});

test("only the ttl and the token make the reporting of a heartbeat another one, and only another target another source", () => {
  const other = { ...HEARTBEAT, token: "u" } as const;
  assert.deepEqual(
    [isSameReporting(HEARTBEAT, { ...HEARTBEAT, ttl: "60s" }), isSameReporting(HEARTBEAT, other)],
    [true, false],
  );
  assert.deepEqual([isSameReporting(HEARTBEAT, TARGET), isSameReporting(TARGET, HEARTBEAT)], [true, true]);
  assert.deepEqual([isSameSource(HEARTBEAT, other), isSameSource(HEARTBEAT, TARGET)], [true, false]);
  assert.deepEqual([isSameSource(TARGET, { ...TARGET }), isSameSource(TARGET, FLOWER)], [true, false]);
});

test("a configuration makes the names of its checks, those that their options name, and its services", () => {
  const nothing = { services: [], isolation: undefined, allowLinkLocal: false };
  assert.equal(ownersIn({ ...nothing, checks: [] }).size, 0);
  const checks = [
    { name: "a", source: TARGET, options: { services: ["s"] } },
    { name: "b", source: TARGET, options: {} },
  ];
  const services = [{ name: "t", policy: { kind: "all" }, members: ["a"] }] as const;
  assert.deepEqual(Object.fromEntries(ownersIn({ ...nothing, checks, services })), {
    "": { kind: "overall", of: "", path: ["overall"] },
    a: { kind: "check", of: "a", path: ["checks", "a"] },
    s: { kind: "named", of: "a", path: ["checks", "a", "services"] },
    b: { kind: "check", of: "b", path: ["checks", "b"] },
    t: { kind: "service", of: "t", path: ["services", "t"] },
  });
});

test("a path shows keys after a dot, indexes and unusual keys in brackets", () => {
  assert.equal(formatPath(["checks", "a.b", "expect", "status", 0]), 'checks["a.b"].expect.status[0]');
  assert.equal(formatPath(["checks", "a b"]), 'checks["a b"]');
});
