import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHECK_SETTINGS, type CheckSettings } from "../../src/checks/settings.js";
import { describeSetting } from "../../src/config/keys.js";
import { HealthError } from "../../src/core/health-error.js";
import { completeSettings } from "../support/complete-settings.js";

test("without options, the settings are the documented defaults", () => {
  assert.deepEqual(completeSettings("c", {}), {
    intervalMs: 10_000,
    timeoutMs: 2_000,
    initialDelayMs: 0,
    jitter: 0.1,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    edgeIntervalMs: 2_000,
    unhealthyIntervalMs: 10_000,
    critical: true,
    startup: true,
    initialState: "pending",
    staleAfterMs: 32_000,
    maxLatencyMs: Number.POSITIVE_INFINITY,
    forgetAfterMs: 600_000,
    services: [],
    group: undefined,
  });
});

test("defaults that depend on the interval follow it", () => {
  const short = completeSettings("c", { interval: "1s" });
  assert.deepEqual([short.timeoutMs, short.edgeIntervalMs, short.staleAfterMs], [500, 1_000, 30_000]);
  const long = completeSettings("c", { interval: "1m", timeout: "5s" });
  assert.deepEqual([long.edgeIntervalMs, long.unhealthyIntervalMs, long.staleAfterMs], [2_000, 60_000, 185_000]);
});

test("a failing check with a long unhealthyInterval does not become stale between two probes", () => {
  const { staleAfterMs, unhealthyIntervalMs } = completeSettings("c", { unhealthyInterval: "2m" });
  assert.ok(staleAfterMs > unhealthyIntervalMs, `stale after ${staleAfterMs}, looked at each ${unhealthyIntervalMs}`);
});

test("durations are text with a unit or numbers of milliseconds", () => {
  assert.equal(completeSettings("c", { interval: "1m30s" }).intervalMs, 90_000);
  assert.equal(completeSettings("c", { interval: 2500, timeout: 100 }).intervalMs, 2500);
});

test("the settings are frozen", () => {
  assert.ok(Object.isFrozen(completeSettings("c", {})));
});

// as a caller without types would write them
const BAD: readonly (readonly [option: string, value: unknown, expected: RegExp])[] = [
  ["interval", "5 parsecs", /must be a duration above zero.*got "5 parsecs"/],
  ["interval", "10", /must be a duration/],
  ["interval", 0, /above zero.*got 0 ms/],
  ["interval", -1, /above zero.*got -1 ms/],
  ["timeout", "10s", /: 10s must be below checks.db.interval \(default 10s\)/],
  ["timeout", 20_000, /: 20000 ms must be below checks.db.interval \(default 10s\)/],
  ["timeout", "1m", /: 1m must be below/],
  ["timeout", 0, /above zero/],
  ["initialDelay", "soon", /must be a duration/],
  ["initialDelay", -1, /must be a duration/],
  ["edgeInterval", "0s", /above zero/],
  ["unhealthyInterval", "x", /must be a duration/],
  ["staleAfter", Number.NaN, /must be a duration.*got NaN ms/],
  ["jitter", 1.5, /must be a share from 0 to 1; got 1.5/],
  ["jitter", -0.1, /must be a share/],
  ["jitter", Number.NaN, /must be a share/],
  ["jitter", "0.1", /must be a share from 0 to 1; got "0.1"/],
  ["unhealthyThreshold", 0, /must be a whole number from 1 on; got 0/],
  ["healthyThreshold", 1.5, /must be a whole number/],
  ["critical", "no", /must be true or false; got "no"/],
  ["startup", "no", /must be true or false; got "no"/],
  ["initialState", "warning", /must be pending, passing or failing; got "warning"/],
  ["initialState", true, /must be pending, passing or failing; got true/],
  ["group", "", /must be a text of 1 to 100 characters on one line; got ""/],
  ["group", 7, /must be a text of 1 to 100 characters on one line; got 7/],
  ["services", "acme.Orders", /must be a list of names; got "acme.Orders"/],
];

for (const [option, value, expected] of BAD) {
  test(`${option}: ${JSON.stringify(value)} is refused; the error names the check, the option, the expected and the given value`, () => {
    const given = { [option]: value } as CheckSettings;
    assert.throws(
      () => completeSettings("db", given),
      (error) =>
        error instanceof HealthError &&
        error.code === "INVALID_OPTION" &&
        error.message.startsWith(`checks.db.${option}: `) &&
        expected.test(error.message),
    );
  });
}

test("a value that is refused is shown in the unit of its setting", () => {
  const texts: readonly (readonly [CheckSettings, RegExp])[] = [
    [{ unhealthyThreshold: 0 }, /got 0$/],
    [{ unhealthyThreshold: Number.NaN }, /got NaN$/],
    [{ jitter: 2 }, /got 2$/],
    [{ interval: 0 }, /must be a duration above zero, such as 5s, 500ms or 1m; got 0 ms$/],
    [{ initialDelay: "soon" }, /must be a duration, such as 5s, 500ms or 1m; got "soon"$/],
  ];
  for (const [given, message] of texts) assert.throws(() => completeSettings("c", given), { message });
});

test("an initial delay of zero is allowed", () => {
  assert.equal(completeSettings("c", { initialDelay: 0 }).initialDelayMs, 0);
});

test("the documentation of the type is that of the table", () => {
  const source = readFileSync(new URL("../../src/checks/settings.ts", import.meta.url), "utf8");
  const [, body = ""] = /export interface CheckSettings \{\n([\s\S]*?)\n\}/.exec(source) ?? [];
  const documented = [...body.matchAll(/\/\*\* (.*) \*\/\n {2}readonly (\w+)\?:/g)].map(([, text, key]) => [key, text]);
  assert.deepEqual(
    documented,
    Object.entries(CHECK_SETTINGS).map(([key, setting]) => [key, describeSetting(setting)]),
  );
});

test("a default is not refused, and a value that JSON cannot show is", () => {
  assert.equal(completeSettings("c", { interval: 1 }).timeoutMs, 0.5);
  const interval = 1n as unknown as number; // as a caller without types would write it
  assert.throws(() => completeSettings("c", { interval }), { code: "INVALID_OPTION", message: /got 1$/ });
});
