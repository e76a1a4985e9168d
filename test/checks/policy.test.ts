import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Member, memberOf, ownStatus, type Policy, rollup } from "../../src/checks/policy.js";
import type { ServingStatus } from "../../src/core/serving-status.js";

const STATES = { P: "passing", W: "warning", F: "failing", "?": "pending" } as const;
const ALL: Policy = { kind: "all" };
const ANY: Policy = { kind: "any" };
const TWO: Policy = { kind: "quorum", count: 2 };

/**
 * Members as letters: P passing, W warning, F failing, ? pending; in small letters (p w f) and as `.` (pending) not
 * critical. `-` is a heartbeat that has never reported.
 */
function membersOf(letters: string): Member[] {
  return [...letters].map((letter, index) => {
    const key = letter === "." || letter === "-" ? "?" : letter.toUpperCase();
    const state = STATES[key as keyof typeof STATES];
    const critical = letter === "?" || letter === "-" || (letter !== "." && letter === letter.toUpperCase());
    return { state, critical, counted: letter !== "-", reason: state === "passing" ? undefined : `r${index}` };
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
  [ALL, "", "UNKNOWN", false],
  [ALL, ".", "UNKNOWN", false, "r0"],
  [ALL, "..", "UNKNOWN", false, "r0"],
  [ALL, ".p", "SERVING", false],
  [ALL, ".f", "SERVING", true, "r1"],
  [ALL, ".w", "SERVING", true, "r1"],
  [ALL, "ff", "SERVING", true, "r0"],
  [ALL, "-", "UNKNOWN", false, "r0"],
  [ALL, "--", "UNKNOWN", false, "r0"],
  [ALL, "-P", "SERVING", false],
  [ALL, "F-", "NOT_SERVING", false, "r0"],
  [ALL, "-?", "UNKNOWN", false, "r1"],
  [ALL, "-.", "UNKNOWN", false, "r0"],
  [ALL, "-p", "SERVING", false],
  [ANY, "PF", "SERVING", true, "r1"],
  [ANY, "FF", "NOT_SERVING", false, "r0"],
  [ANY, "P?", "SERVING", false],
  [ANY, "?P", "SERVING", false],
  [ANY, "?WF", "SERVING", true, "r1"],
  [ANY, "?", "UNKNOWN", false, "r0"],
  [ANY, "F?", "UNKNOWN", false, "r1"],
  [ANY, "WF", "SERVING", true, "r0"],
  [ANY, "f", "SERVING", true, "r0"],
  [ANY, ".", "UNKNOWN", false, "r0"],
  [ANY, ".f", "SERVING", true, "r1"],
  [ANY, "F.", "NOT_SERVING", false, "r0"],
  [ANY, "Fp", "NOT_SERVING", false, "r0"],
  [ANY, "-", "UNKNOWN", false, "r0"],
  [ANY, "-F", "NOT_SERVING", false, "r1"],
  [TWO, "PPF", "SERVING", true, "r2"],
  [TWO, "PFF", "NOT_SERVING", false, "r1"],
  [TWO, "PP?", "SERVING", false],
  [TWO, "P?F", "UNKNOWN", false, "r1"],
  [TWO, "P??", "UNKNOWN", false, "r1"],
  [TWO, "PFp", "NOT_SERVING", false, "r1"],
  [TWO, "Pp", "SERVING", false],
  [TWO, "Fp", "NOT_SERVING", false, "r0"],
  [TWO, "P.", "SERVING", false],
  [TWO, "..", "UNKNOWN", false, "r0"],
  [TWO, ".p", "SERVING", false],
  [TWO, "pp", "SERVING", false],
  [TWO, "ff", "SERVING", true, "r0"],
  [TWO, "P-", "SERVING", false],
  [TWO, "PF-", "NOT_SERVING", false, "r1"],
  [TWO, "--", "UNKNOWN", false, "r0"],
];

for (const [policy, letters, status, degraded, reason] of TABLE) {
  const name = policy.kind === "quorum" ? `quorum ${policy.count}` : policy.kind;
  test(`${name} of [${letters}] is ${status}${degraded ? ", degraded" : ""} [A136]`, () => {
    const rolled = rollup(membersOf(letters), policy);
    assert.deepEqual([rolled.status, rolled.degraded, rolled.reason], [status, degraded, reason]);
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
  const member = (status: ServingStatus, degraded = false) =>
    memberOf({ status, degraded, reason: "r", cause: "a", critical: true, counted: true }).state;
  assert.deepEqual(
    [member("SERVING"), member("SERVING", true), member("NOT_SERVING"), member("UNKNOWN")],
    ["passing", "warning", "failing", "pending"],
  );
});

test("beside a critical check, a non-critical one can only make a service degraded", () => {
  const letters = fc.array(fc.constantFrom("P", "W", "F", "?"), { minLength: 1, maxLength: 6 });
  const others = fc.array(fc.constantFrom("p", "w", "f", "."), { maxLength: 6 });
  fc.assert(
    fc.property(letters, others, fc.constantFrom(ALL, ANY, TWO), (critical, extra, policy) => {
      const without = rollup(membersOf(critical.join("")), policy);
      assert.equal(rollup(membersOf([...critical, ...extra].join("")), policy).status, without.status);
    }),
  );
});

test("a service of non-critical checks is UNKNOWN until one of them is decided, and never NOT_SERVING", () => {
  const letters = fc.array(fc.constantFrom("p", "w", "f", "."), { maxLength: 6 });
  fc.assert(
    fc.property(letters, fc.constantFrom(ALL, ANY, TWO), (members, policy) => {
      const isDecided = members.some((letter) => letter !== ".");
      assert.equal(rollup(membersOf(members.join("")), policy).status, isDecided ? "SERVING" : "UNKNOWN");
    }),
  );
});

test("a heartbeat that has never reported changes nothing about a service with other members", () => {
  const letters = fc.array(fc.constantFrom("P", "W", "F", "?", "p", "w", "f", "."), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(letters, letters, fc.constantFrom(ALL, ANY, TWO), (before, after, policy) => {
      const statusOf = (members: readonly string[]) => rollup(membersOf(members.join("")), policy).status;
      assert.equal(statusOf([...before, "-", ...after]), statusOf([...before, ...after]));
    }),
  );
});

test("a service is never SERVING while all of its members are undecided", () => {
  const letters = fc.array(fc.constantFrom("?", ".", "-"), { maxLength: 6 });
  fc.assert(
    fc.property(letters, fc.constantFrom(ALL, ANY, TWO), (members, policy) => {
      assert.equal(rollup(membersOf(members.join("")), policy).status, "UNKNOWN");
    }),
  );
});

test("nested services have the status of a flat one", () => {
  const letters = fc.array(fc.constantFrom("P", "W", "F", "?", "p", "w", "f", ".", "-"), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(letters, letters, (one, other) => {
      const nested = [one, other].map((members) => memberOf(rollup(membersOf(members.join("")), ALL)));
      const flat = rollup(membersOf([...one, ...other].join("")), ALL);
      const { status, degraded } = rollup(nested, ALL);
      // a part with a critical failure and a pending member is UNKNOWN, as the whole is
      assert.deepEqual([status, degraded], [flat.status, flat.degraded]);
    }),
  );
});

test("a check's own service shows the state of the check, critical or not", () => {
  for (const critical of [true, false])
    for (const [state, status, degraded] of [
      ["pending", "UNKNOWN", false],
      ["passing", "SERVING", false],
      ["warning", "SERVING", true],
      ["failing", "NOT_SERVING", false],
    ] as const) {
      const own = ownStatus({ state, critical, counted: true, reason: "r" });
      assert.deepEqual([own.status, own.degraded, own.reason], [status, degraded, "r"]);
    }
});

test("the reason is the one of the first member that has one, and its cause is the check that it is of", () => {
  const member = (more: Partial<Member>): Member => ({
    state: "passing",
    critical: true,
    counted: true,
    reason: undefined,
    ...more,
  });
  const causeOf = (...members: readonly Member[]) => {
    const { reason, cause } = rollup(members, ALL);
    return [reason, cause];
  };
  assert.deepEqual(causeOf(member({ name: "a" }), member({ name: "b" })), [undefined, undefined]);
  assert.deepEqual(causeOf(member({ name: "a" }), member({ name: "b", reason: "initial" })), ["initial", "b"]);
  const failing = { state: "failing", reason: "refused" } as const;
  assert.deepEqual(causeOf(member({ name: "a" }), member({ ...failing, name: "b" })), ["refused", "b"]);
  const service = member({ ...failing, name: "s", cause: "b" });
  assert.deepEqual(causeOf(service), ["refused", "b"], "the check behind a service");
});

test("a service counts as a member when one of its members does", () => {
  for (const [letters, counted] of [
    ["", false],
    ["-", false],
    ["--", false],
    ["-.", true],
    ["P", true],
  ] as const)
    assert.equal(memberOf(rollup(membersOf(letters), ALL)).counted, counted, letters);
});
