import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Member, memberOf, type Policy, rollup } from "../../src/checks/policy.js";
import type { ServingStatus } from "../../src/core/serving-status.js";

const STATES = { P: "passing", W: "warning", F: "failing", "?": "pending" } as const;
const ALL: Policy = { kind: "all" };
const ANY: Policy = { kind: "any" };
const TWO: Policy = { kind: "quorum", count: 2 };

/** Members as letters: P passing, W warning, F failing, ? pending; in small letters (p w f) and as `.` (pending) not critical. */
function membersOf(letters: string): Member[] {
  return [...letters].map((letter, index) => {
    const key = letter === "." ? "?" : letter.toUpperCase();
    const state = STATES[key as keyof typeof STATES];
    const critical = letter === "?" || (letter !== "." && letter === letter.toUpperCase());
    return { state, critical, reason: state === "passing" ? undefined : `r${index}` };
  });
}

const TABLE: readonly (readonly [
  policy: Policy,
  members: string,
  status: string,
  degraded: boolean,
  reason?: string,
])[] = [
  [ALL, "P", "SERVING", false],
  [ALL, "PP", "SERVING", false],
  [ALL, "PF", "NOT_SERVING", false, "r1"],
  [ALL, "FF", "NOT_SERVING", false, "r0"],
  [ALL, "?", "UNKNOWN", false, "r0"],
  [ALL, "P?", "UNKNOWN", false, "r1"],
  [ALL, "F?", "UNKNOWN", false, "r1"],
  [ALL, "PW", "SERVING", true, "r1"],
  [ALL, "Pf", "SERVING", true, "r1"],
  [ALL, "Pw", "SERVING", true, "r1"],
  [ALL, "P.", "SERVING", false],
  [ALL, "fP", "SERVING", true, "r0"],
  [ALL, "fF", "NOT_SERVING", false, "r1"],
  [ALL, "f", "SERVING", true, "r0"],
  [ALL, "", "SERVING", false],
  [ANY, "PF", "SERVING", true, "r1"],
  [ANY, "FF", "NOT_SERVING", false, "r0"],
  [ANY, "P?", "SERVING", false],
  [ANY, "?P", "SERVING", false],
  [ANY, "?WF", "SERVING", true, "r1"],
  [ANY, "?", "UNKNOWN", false, "r0"],
  [ANY, "F?", "UNKNOWN", false, "r1"],
  [ANY, "WF", "SERVING", true, "r0"],
  [ANY, "f", "SERVING", true, "r0"],
  [TWO, "PPF", "SERVING", true, "r2"],
  [TWO, "PFF", "NOT_SERVING", false, "r1"],
  [TWO, "PP?", "SERVING", false],
  [TWO, "P?F", "UNKNOWN", false, "r1"],
  [TWO, "P??", "UNKNOWN", false, "r1"],
  [TWO, "PFp", "NOT_SERVING", false, "r1"],
  [TWO, "P", "NOT_SERVING", false],
];

for (const [policy, letters, status, degraded, reason] of TABLE) {
  const name = policy.kind === "quorum" ? `quorum ${policy.count}` : policy.kind;
  test(`${name} of [${letters}] is ${status}${degraded ? ", degraded" : ""} [A136]`, () => {
    assert.deepEqual(rollup(membersOf(letters), policy), { status, degraded, reason });
  });
}

test("a pending critical member is not healthy: the service is SERVING only if the others are enough", () => {
  const letters = fc.array(fc.constantFrom("P", "W", "F", "?", "p", "w", "f", "."), { maxLength: 8 });
  fc.assert(
    fc.property(letters, letters, fc.constantFrom(ANY, TWO), (before, after, policy) => {
      const with_ = rollup(membersOf([...before, "?", ...after].join("")), policy);
      const without = rollup(membersOf([...before, "F", ...after].join("")), policy);
      assert.equal(with_.status === "SERVING", without.status === "SERVING");
      assert.ok(with_.status !== "NOT_SERVING");
    }),
  );
});

test("with the policy all, a pending critical member makes the service UNKNOWN", () => {
  const letters = fc.array(fc.constantFrom("P", "W", "F", "?", "p", "w", "f", "."), { maxLength: 8 });
  fc.assert(
    fc.property(letters, letters, (before, after) => {
      const { status, degraded } = rollup(membersOf([...before, "?", ...after].join("")), ALL);
      assert.deepEqual({ status, degraded }, { status: "UNKNOWN", degraded: false });
    }),
  );
});

test("as a member of another service, a service counts by its status", () => {
  const member = (status: ServingStatus, degraded = false) => memberOf({ status, degraded, reason: "r" }).state;
  assert.deepEqual(
    [member("SERVING"), member("SERVING", true), member("NOT_SERVING"), member("UNKNOWN")],
    ["passing", "warning", "failing", "pending"],
  );
});

test("a non-critical check can only make a service degraded", () => {
  const letters = fc.array(fc.constantFrom("P", "W", "F", "?"), { maxLength: 6 });
  const others = fc.array(fc.constantFrom("p", "w", "f", "."), { maxLength: 6 });
  fc.assert(
    fc.property(letters, others, fc.constantFrom(ALL, ANY, TWO), (critical, extra, policy) => {
      const without = rollup(membersOf(critical.join("")), policy);
      assert.equal(rollup(membersOf([...critical, ...extra].join("")), policy).status, without.status);
    }),
  );
});
